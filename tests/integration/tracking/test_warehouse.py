"""The export for a data warehouse, read by DuckDB."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from delivery.numbers import campaign_numbers
from tests.integration.tracking.test_report_pages import House, build_house
from tracking.warehouse import export as exporting

TODAY = dt.datetime.now(dt.UTC).date()
SINCE = (TODAY - dt.timedelta(days=3)).isoformat()


@pytest.fixture
def house(db: None) -> House:
    made = build_house()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_message")
        cursor.execute(
            "INSERT INTO delivery_message (to_address, sender, status, tags) "
            "VALUES ('ada@example.com', 'shop@example.com', 'sent', '{a,b}')"
        )
        cursor.execute(
            "UPDATE delivery_email SET reply = %s WHERE status = 'failed'", ['he said "no",\nand left\\ it at that']
        )
        cursor.execute("UPDATE delivery_email SET reply = '', enhanced = NULL WHERE status = 'deferred'")
    return made


def run(folder: Path, *more: str) -> str:
    out = io.StringIO()
    call_command("export_warehouse", "--from", SINCE, "--to", "today", "--out", str(folder), *more, stdout=out)
    return out.getvalue()


def ask(question: str) -> list[Any]:
    with duckdb.connect() as warehouse:
        return warehouse.sql(question).fetchall()


def reader(folder: Path, table: str, file_format: str = "parquet") -> str:
    function = {"parquet": "read_parquet", "csv": "read_csv", "ndjson": "read_ndjson"}[file_format]
    return f"{function}('{folder}/{table}/*/*.{file_format}', hive_partitioning=true)"


@pytest.mark.parametrize("file_format", ["parquet", "csv", "ndjson"])
def test_duckdb_reads_the_campaigns_own_numbers(house: House, tmp_path: Path, file_format: str) -> None:
    run(tmp_path, "--format", file_format)
    numbers = campaign_numbers(house.campaign.pk).as_dict()
    ledger = reader(tmp_path, "ledger", file_format)
    counted = dict(ask(f"SELECT split_part(status, '_', 1), count(*) FROM {ledger} GROUP BY 1"))
    assert counted == {name: numbers[name] for name in counted}
    assert sum(counted.values()) == numbers["audience"]
    opened = ask(f"SELECT count(opened_at) FROM {ledger}")[0][0]
    breakdown = reader(tmp_path, "rollups_breakdown", file_format)
    sums = ask(f"SELECT sum(sent), sum(opened) FROM {breakdown} WHERE dimension = 'domain'")[0]
    assert sums == (numbers["sent"], opened)
    assert opened == house.campaign.opened
    events = reader(tmp_path, "events", file_format)
    assert ask(f"SELECT count(*) FROM {events} WHERE kind = 'open' AND who = 'human'") == [(2,)]
    minutes = reader(tmp_path, "rollups_minute", file_format)
    assert ask(f"SELECT sum(count) FROM {minutes} WHERE kind = 'sent'")[0][0] == numbers["sent"]
    campaigns = reader(tmp_path, "campaigns", file_format)
    assert ask(f"SELECT audience FROM {campaigns}") == [(numbers["audience"],)]


def test_texts_and_times_come_through_unharmed(house: House, tmp_path: Path) -> None:
    run(tmp_path)
    ledger = reader(tmp_path, "ledger")
    assert ask(f"SELECT reply FROM {ledger} WHERE status = 'failed'") == [('he said "no",\nand left\\ it at that',)]
    assert ask(f"SELECT reply, enhanced FROM {ledger} WHERE status = 'deferred'") == [("", None)]
    ((found,),) = ask(f'SELECT epoch_us(max("at")) FROM {ledger}')
    with connection.cursor() as cursor:
        cursor.execute("SELECT (extract(epoch FROM max(at)) * 1000000)::bigint FROM delivery_email")
        assert found == cursor.fetchone()[0]
    assert ask(f"SELECT to_domain, tags FROM {reader(tmp_path, 'messages')}") == [("example.com", "a,b")]
    # every row stands in the folder of its own day
    assert ask(
        f"SELECT count(*) FROM {ledger} WHERE strftime(\"at\" AT TIME ZONE 'UTC', '%Y-%m-%d') <> date::text"
    ) == [(0,)]


def test_finished_days_are_left_alone_and_today_is_not(house: House, tmp_path: Path) -> None:
    run(tmp_path, "--tables", "ledger,messages")
    again = run(tmp_path, "--tables", "ledger,messages")
    assert f"{TODAY} messages: 1 rows, written" in again
    assert f"{SINCE} ledger: 0 rows, finished before" in again
    manifest = json.loads((tmp_path / "manifest.json").read_text())["parts"]
    finished = next(part for part in manifest.values() if part["rows"] == 8)
    before = (tmp_path / finished["file"]).stat().st_mtime_ns
    run(tmp_path, "--tables", "ledger")
    assert (tmp_path / finished["file"]).stat().st_mtime_ns == before
    run(tmp_path, "--tables", "ledger", "--force")
    assert (tmp_path / finished["file"]).stat().st_mtime_ns > before


def test_an_export_that_broke_off_leaves_no_half_file_and_goes_on(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_power(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", lose_power)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "--tables", "ledger")
    assert not list(tmp_path.glob("**/*.parquet"))
    run(tmp_path, "--tables", "ledger")
    assert ask(f"SELECT count(*) FROM {reader(tmp_path, 'ledger')}") == [(8,)]


def test_another_format_takes_the_place_of_the_first(house: House, tmp_path: Path) -> None:
    run(tmp_path, "--tables", "ledger")
    run(tmp_path, "--tables", "ledger", "--format", "csv")
    assert not list(tmp_path.glob("ledger/*/*.parquet"))


def test_rows_come_in_blocks(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 512)
    run(tmp_path, "--tables", "ledger")
    groups = ask(f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata('{tmp_path}/ledger/*/*.parquet')")[0][0]
    assert groups > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday", "--to", "2020-01-01"), "is after"),
        (("--from", "26.11.2026", "--to", "today"), "is not a day"),
        (("--from", "today", "--to", "today", "--tables", "leads"), "no leads; there are ledger"),
    ],
)
def test_a_mistake_is_named_with_its_cure(db: None, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("export_warehouse", "--out", str(tmp_path), *arguments)


def test_the_questions_in_the_guide_have_answers(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    monkeypatch.chdir(tmp_path)
    guide = (Path(__file__).resolve().parents[3] / "docs/operators/warehouse.md").read_text()
    questions = re.findall(r"```sql\n(.*?)```", guide, flags=re.DOTALL)
    assert len(questions) == 4
    for question in questions:
        assert ask(question), question
