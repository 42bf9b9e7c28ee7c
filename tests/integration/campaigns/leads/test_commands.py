"""`import_leads` and `export_leads` as people type them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from campaigns.leads.export import export_rows
from campaigns.models import Lead, LeadImport, MailingList
from campaigns.segments import SegmentInvalid
from massmailer.embedded import postgres
from massmailer.samples import write_sample_leads
from tests.integration.campaigns.leads.conftest import ROOT, manage

PEOPLE = "Kontakt,Name,Ort\nann@example.com,Ann Ames,Oslo\nbob@example.com,Bob,Rome\nbad,Bad,Bonn\n"


def numbers(*arguments: str) -> dict:
    output = io.StringIO()
    call_command("import_leads", *arguments, "--json", stdout=output)
    return json.loads(output.getvalue())


def exported(**options) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(export_rows(**options)).decode(), newline="")))


@pytest.mark.django_db
def test_the_result_is_printed_with_the_path_of_the_rejects(write) -> None:
    output = io.StringIO()
    call_command("import_leads", str(write(PEOPLE)), "--list", "News", stdout=output)
    text = output.getvalue()
    assert "Kontakt → email, Name → name, Ort → attributes.ort" in text
    assert "3 lines: 2 created, 0 updated, 0 repeated, 1 rejected." in text
    row = LeadImport.objects.get()
    assert row.rejects_path in text
    assert MailingList.objects.get(name="News").memberships.count() == 2
    ann = Lead.objects.get(email="ann@example.com")
    assert (ann.first_name, ann.last_name, ann.attributes) == ("Ann", "Ames", {"ort": "Oslo"})


@pytest.mark.django_db
def test_a_mapping_overrides_what_is_guessed(write) -> None:
    path = write(PEOPLE)
    found = numbers(str(path), "--map", "Name=attributes.Full Name", "--map", "3=ignore")
    assert (found["created"], found["rejected"]) == (2, 1)
    assert Lead.objects.get(email="ann@example.com").attributes == {"full_name": "Ann Ames"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "Namen=name"], "no column 'Namen'. Its columns: Kontakt, Name, Ort"),
        (["--map", "Name=nickname"], "'nickname' is no field.*attributes.<name>"),
        (["--map", "Name"], "is not COLUMN=FIELD"),
        (["--map", "Name=email", "--map", "Kontakt=email"], "Two columns are mapped to email"),
        (["--delimiter", ";;"], "one character"),
        (["--encoding", "klingon"], "no encoding 'klingon'"),
    ],
)
def test_a_wrong_option_is_named_with_its_cure(write, arguments, message) -> None:
    with pytest.raises(CommandError, match=message) as raised:
        call_command("import_leads", str(write(PEOPLE)), *arguments, stdout=io.StringIO())
    assert raised.value.returncode == 1
    assert not Lead.objects.exists()
    assert not MailingList.objects.exists()


@pytest.mark.django_db
def test_a_dry_run_counts_and_changes_nothing(write) -> None:
    Lead.objects.create(email="ann@example.com")
    found = numbers(str(write(PEOPLE)), "--dry-run", "--list", "News")
    assert (found["dry_run"], found["created"], found["updated"], found["rejected"]) == (True, 1, 1, 1)
    assert Lead.objects.count() == 1
    assert not LeadImport.objects.exists()
    assert not MailingList.objects.exists()
    assert Path(found["rejects_file"]).exists()


@pytest.mark.django_db
def test_no_good_line_at_all_is_a_failure(write) -> None:
    with pytest.raises(CommandError, match="No line was imported"):
        call_command("import_leads", str(write("email\nbad\n@\n")), stdout=io.StringIO())


@pytest.mark.django_db
def test_the_samples_are_imported_but_for_the_bad_lines(tmp_path) -> None:
    written = write_sample_leads(tmp_path / "leads.csv", 300)
    found = numbers(str(tmp_path / "leads.csv"))
    assert (found["created"], found["repeated"], found["rejected"]) == (300, written.repeated, written.bad)
    assert set(Lead.objects.first().attributes) == {
        "city", "plan", "last_order_total", "newsletter", "customer_since",
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_command_says_how_it_went_by_its_exit_status(write) -> None:
    some = manage("import_leads", str(write(PEOPLE)), "--json")
    assert (some.returncode, some.stderr) == (0, b"")
    assert json.loads(some.stdout)["created"] == 2
    missing = manage("import_leads", "/nowhere/leads.csv")
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"There is no file /nowhere/leads.csv" in missing.stderr
    assert b"Traceback" not in missing.stderr
    piped = manage("import_leads", "-", "--json", stdin=gzip.compress(b"email\nzoe@example.com\n"))
    assert json.loads(piped.stdout)["created"] == 1
    assert Lead.objects.count() == 3
    out = manage("export_leads")
    assert out.returncode == 0
    assert out.stdout.startswith(b"email,first_name,last_name,language,time_zone,status,tags,attributes\n")
    assert out.stdout.count(b"\n") == 4


@pytest.mark.django_db(transaction=True)
def test_a_terminal_gets_a_progress_bar(write) -> None:
    path = write("email\n" + "".join(f"p{number}@example.com\n" for number in range(3000)))
    ours, theirs = pty.openpty()
    environment = os.environ | {"DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}"), "TERM": "xterm"}
    command = [sys.executable, str(ROOT / "manage.py"), "import_leads", str(path)]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 4096):
                seen += piece
        except OSError:
            # how Linux says that the other side of a terminal is closed
            assert process.wait(timeout=30) == 0
        output = process.stdout.read() if process.stdout else b""
    os.close(ours)
    assert b"3,000 lines" in seen
    assert b"3,000 created" in output


@pytest.mark.django_db
def test_what_is_exported_is_imported_with_the_same_values(write) -> None:
    rng = random.Random(3)
    pieces = ["=1+1", "'", "''=x", "+49 1", "-", "@x", "\\", '"', "é", "😀", "a,b", "x", " y", "Ann"]
    for number in range(150):
        text = lambda: "".join(rng.choices(pieces, k=rng.randrange(3))).strip()  # noqa: E731
        Lead.objects.create(
            email=f"{rng.choice(['', '+', '=', chr(39) + '+'])}p{number}@example.com",
            first_name=text(), last_name=text(), language=rng.choice(["", "de", "pt-br"]),
            time_zone=rng.choice(["", "Asia/Tokyo"]), status=rng.choice(Lead.Status.values),
            tags=list(dict.fromkeys(filter(None, (text() + rng.choice(["", "  z"]) for _ in range(3))))),
            attributes={text() or "k": rng.choice([text() + "\t=", 1, 19.5, True, None, [1, {"a": text()}]])},
        )  # fmt: skip
    fields = ("email", "first_name", "last_name", "language", "time_zone", "status", "tags", "attributes")
    before = list(Lead.objects.order_by("email").values(*fields))
    content = b"".join(export_rows())
    Lead.objects.all().delete()
    found = numbers(str(write(content)))
    assert (found["created"], found["rejected"]) == (150, 0)
    assert list(Lead.objects.order_by("email").values(*fields)) == before


@pytest.mark.django_db
def test_no_cell_of_an_export_starts_a_formula() -> None:
    Lead.objects.create(email="=a@example.com", first_name="=1+1", last_name="@x", tags=["-1"], attributes={"a": "=1"})
    (row,) = exported()
    assert [cell for cell in row.values() if cell[:1] in "=+-@\t\r" and cell] == []
    assert row["first_name"] == "'=1+1"


@pytest.mark.django_db
def test_an_export_can_be_cut_to_a_list_and_a_segment(tmp_path) -> None:
    call_command("import_leads", str(_csv(tmp_path, ["a", "b", "c"])), "--list", "News", stdout=io.StringIO())
    call_command("import_leads", str(_csv(tmp_path, ["d"])), stdout=io.StringIO())
    news = MailingList.objects.get()
    news.memberships.filter(lead__email="c@example.com").update(status="unsubscribed")
    condition = {"field": "email", "op": "is_not", "value": "a@example.com"}
    assert [row["email"] for row in exported(mailing_list=news)] == ["a@example.com", "b@example.com"]
    assert [row["email"] for row in exported(mailing_list=news, condition=condition)] == ["b@example.com"]
    segment, output = tmp_path / "segment.json", tmp_path / "out.csv"
    segment.write_text(json.dumps(condition))
    call_command("export_leads", "--segment", str(segment), "--output", str(output))
    assert output.read_text().count("@") == 3


def _csv(folder: Path, names: list[str]) -> Path:
    path = folder / "some.csv"
    path.write_text("email\n" + "".join(f"{name}@example.com\n" for name in names))
    return path


@pytest.mark.django_db
def test_wrong_options_of_an_export_are_named(tmp_path) -> None:
    broken, unknown = tmp_path / "broken.json", tmp_path / "unknown.json"
    broken.write_text("{")
    unknown.write_text('{"field": "colour", "op": "is", "value": "red"}')
    for arguments, message in [
        (["--list", "Newz"], "There is no list 'Newz'. Lists: none yet"),
        (["--segment", str(broken)], "is not JSON"),
        (["--segment", str(tmp_path / "none.json")], "cannot be read"),
        (["--segment", str(unknown)], "unknown field 'colour'"),
        (["--output", "/nowhere/out.csv"], "cannot be written"),
    ]:
        with pytest.raises(CommandError, match=message):
            call_command("export_leads", *arguments)
    with pytest.raises(SegmentInvalid):
        export_rows(condition={"nonsense": 1})


@pytest.mark.django_db
def test_how_fast_a_hundred_thousand_lines_are(write, capsys) -> None:
    lines = "".join(
        f"ann.ames{number}@example.com,Ann{number % 500},Ames{number},en,Europe/London,Oslo,pro,{number % 997}.50\n"
        for number in range(100_000)
    )
    path = write("email,first_name,last_name,language,time_zone,city,plan,total\n" + lines)
    start = time.perf_counter()
    found = numbers(str(path))
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f"\n  100,000 lines in {seconds:.1f} s: {100_000 / seconds:,.0f} lines/s")
    assert found["created"] == 100_000
