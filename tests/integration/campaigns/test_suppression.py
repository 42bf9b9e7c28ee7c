"""The suppression list: what it does to leads, files in and out, and how something is released."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.addresses import digest
from campaigns.models import Lead, Suppression, SuppressionImport, SuppressionRelease
from campaigns.suppression import imports
from campaigns.suppression.add import suppress
from campaigns.suppression.release import release, release_own
from campaigns.tasks import requeue_imports
from tests.people import boss, somebody

pytestmark = pytest.mark.django_db
LIST = "/admin/campaigns/suppression/"
IMPORTS = "/admin/campaigns/suppressionimport/"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def written(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def imported(path: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    call_command("import_suppressions", path, "--json", *options)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def on_the_list() -> set[tuple[str, str, str]]:
    return set(Suppression.objects.values_list("kind", "value", "reason"))


def status_of(email: str) -> str:
    return Lead.objects.get(email=email).status


# --- adding ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("hard_bounce", "bounced"), ("soft_bounces", "bounced"), ("complaint", "complained"),
        ("unsubscribe", "unsubscribed"), ("manual", "unsubscribed"), ("imported", "unsubscribed"),
    ],
)  # fmt: skip
def test_suppressing_shows_at_the_lead_and_releasing_takes_it_back(reason: str, status: str) -> None:
    Lead.objects.create(email="ada@example.com")
    assert suppress(["ada@example.com", "stranger@example.com"], reason=reason, source="test") == 2
    assert suppress(["ada@example.com"], reason=reason, source="again") == 0
    assert status_of("ada@example.com") == status
    row = Suppression.objects.get(value="ada@example.com")
    assert (row.reason, row.source) == (reason, "test")
    assert release(row.pk, by="bob", why="a mistake")
    assert not release(row.pk, by="bob", why="a mistake")
    assert status_of("ada@example.com") == "subscribed"
    kept = SuppressionRelease.objects.get()
    assert (kept.value, kept.reason, kept.released_by, kept.why) == ("ada@example.com", reason, "bob", "a mistake")


def test_the_stronger_reason_stays_and_an_unsubscribe_is_not_forgotten_under_it() -> None:
    Lead.objects.create(email="ada@example.com")
    for reason in ("unsubscribe", "complaint", "hard_bounce", "manual"):
        suppress(["ada@example.com"], reason=reason, source=reason)
    row = Suppression.objects.get()
    assert (row.reason, row.source, status_of("ada@example.com")) == ("complaint", "complaint", "unsubscribed")
    release(row.pk, by="bob", why="we talked")
    row.refresh_from_db()
    assert (row.reason, status_of("ada@example.com")) == ("unsubscribe", "unsubscribed")
    release(row.pk, by="bob", why="asked for it")
    assert not Suppression.objects.exists()
    assert status_of("ada@example.com") == "subscribed"


def test_a_lead_stays_where_it_is_while_another_entry_speaks_of_it() -> None:
    Lead.objects.create(email="ada@example.com")
    suppress(["ada@example.com"], reason="manual", source="a letter")
    Suppression.objects.create(kind="hash", digest=digest("ada@example.com"), reason="imported")
    release(Suppression.objects.get(kind="address").pk, by="bob", why="a mistake")
    assert status_of("ada@example.com") == "unsubscribed"


def test_what_a_person_undoes_is_what_the_person_did() -> None:
    suppress(["ada@example.com"], reason="imported", source="an old list")
    suppress(["ada@example.com"], reason="unsubscribe", source="campaign 1")
    assert not release_own("ada@example.com", by="the person", why="came back")
    assert on_the_list() == {("address", "ada@example.com", "imported")}
    assert Suppression.objects.get().unsubscribed_at is None


# --- files ----------------------------------------------------------------------------------------------------------
def test_a_file_of_addresses_hashes_domains_and_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lead.objects.create(email="ada@example.com")
    text = (
        "Datum;E-Mail;Grund\n2020-01-01;Ada@Example.com;hard bounce\n2020-01-02;@spam.example;abuse\n"
        f"2020-01-03;{digest('bob@example.com').hex().upper()};\n2020-01-04;nobody;\n2020-01-05;*.example.org;\n"
        "2020-01-06;d41d8cd98f00b204e9800998ecf8427e;\n2020-01-07;ada@example.com;unsubscribed\n"
    )
    found = imported(written(tmp_path / "a.csv", text.encode("cp1252")), capsys)
    assert {name: found[name] for name in ("lines", "added", "known", "rejected")} == {
        "lines": 7, "added": 3, "known": 1, "rejected": 3,
    }  # fmt: skip
    assert on_the_list() == {
        ("address", "ada@example.com", "hard_bounce"),
        ("domain", "spam.example", "complaint"),
        ("hash", "", "imported"),
    }  # fmt: skip
    assert bytes(Suppression.objects.get(kind="hash").digest) == digest("bob@example.com")
    assert status_of("ada@example.com") == "bounced"
    rejects = list(csv.DictReader(io.StringIO(Path(found["rejects_file"]).read_text("utf-8-sig"))))
    assert [row["line"] for row in rejects] == ["5", "6", "7"]
    assert "without an asterisk" in rejects[1]["reason"]
    assert "not SHA-256" in rejects[2]["reason"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.txt", "ada@example.com\nbob@example.com\n"),
        ("utf16.csv", "email\tname\nada@example.com\tAda\nbob@example.com\tBob\n".encode("utf-16")),
        ("packed.csv.gz", gzip.compress(b"ada@example.com\r\nbob@example.com", mtime=0)),
        ("quoted.csv", '"recipient","status"\n"ada@example.com","550 5.1.1"\n"bob@example.com","x, y"\n'),
    ],
    ids=["plain", "utf16", "packed", "quoted"],
)
def test_any_dialect_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | bytes) -> None:
    found = imported(written(tmp_path / name, text), capsys, "--reason", "manual")
    assert (found["added"], found["rejected"]) == (2, 0)
    assert on_the_list() == {("address", f"{who}@example.com", "manual") for who in ("ada", "bob")}


def test_of_a_list_that_may_not_be_stored_only_hashes_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Lead.objects.create(email="ada@example.com")
    imported(written(tmp_path / "a.csv", "ada@example.com\n"), capsys, "--hash-only")
    assert on_the_list() == {("hash", "", "imported")}
    # nobody can read from the lead that it is on the list
    assert status_of("ada@example.com") == "subscribed"


def test_a_file_without_anything_to_suppress_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No column"):
        call_command("import_suppressions", written(tmp_path / "a.csv", "name;city\nAda;Lyon\n"))


def test_a_run_that_died_goes_on_and_counts_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PIECE_LINES", 10)
    path = Path(written(tmp_path / "a.csv", "".join(f"lead{n}@example.com\n" for n in range(35))))
    row = imports.register_import(path=path, name="a.csv", reason="imported", hash_only=False)

    def die(_name: str) -> None:
        if Suppression.objects.count() >= 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.failpoints.hit", die)
        with pytest.raises(KeyboardInterrupt):
            imports.run_import(row.pk)
    assert Suppression.objects.count() == 20
    done = imports.run_import(row.pk)
    assert (done.state, done.lines, done.added_count, done.known_count) == ("done", 35, 35, 0)


def test_an_import_that_never_ends_is_given_up_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("email\nada@example.com\n")
    row = imports.register_import(path=path, name="list.csv", reason="imported", hash_only=False)
    yesterday = timezone.now() - timedelta(hours=25)
    SuppressionImport.objects.update(state="running", started_at=yesterday, heartbeat_at=yesterday)
    requeue_imports()
    row.refresh_from_db()
    assert row.state == "failed"
    assert "Split the file" in row.error
    assert imports.run_import(row.pk).state == "failed"
    other = imports.register_import(path=path, name="list.csv", reason="imported", hash_only=False)
    assert imports.run_import(other.pk).started_at is not None


def test_what_is_exported_can_be_imported_and_runs_in_no_spreadsheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suppress(["=cmd@example.com", "ada@example.com"], reason="complaint", source="@sum(1)")
    Suppression.objects.create(kind="domain", digest=digest("spam.example"), value="spam.example", reason="manual")
    Suppression.objects.create(kind="address", digest=digest("gone@example.com"), reason="hard_bounce")
    before = {(bytes(row.digest), row.reason) for row in Suppression.objects.all()}
    path = tmp_path / "out.csv"
    call_command("export_suppressions", "--output", str(path))
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert {row["value"] for row in rows} == {
        "'=cmd@example.com", "ada@example.com", "spam.example", digest("gone@example.com").hex(),
    }  # fmt: skip
    assert rows[0]["source"] == "'@sum(1)"
    Suppression.objects.all().delete()
    assert imported(str(path), capsys)["rejected"] == 0
    assert {(bytes(row.digest), row.reason) for row in Suppression.objects.all()} == before


# --- the admin ------------------------------------------------------------------------------------------------------
def test_a_file_is_uploaded_watched_and_its_rejects_fetched(
    redis_client: object, django_capture_on_commit_callbacks: Any
) -> None:
    client = boss()
    file = SimpleUploadedFile("old.csv", b"ada@example.com\nnonsense\n")
    answer = client.post(IMPORTS + "add/", {"file": file, "reason": "complaint"})
    row = SuppressionImport.objects.get()
    assert answer["Location"] == f"{IMPORTS}{row.pk}/change/"
    assert client.get(f"{IMPORTS}{row.pk}/progress/").status_code == 200
    imports.run_import(row.pk)
    done = client.get(f"{IMPORTS}{row.pk}/progress/")
    assert done.status_code == 286
    assert on_the_list() == {("address", "ada@example.com", "complaint")}
    assert b"nonsense" in b"".join(client.get(f"{IMPORTS}{row.pk}/rejects/").streaming_content)
    assert client.get(f"{IMPORTS}{row.pk}/change/").status_code == 200


def test_a_useless_file_is_told_at_once_and_not_kept(files: Path) -> None:
    answer = boss().post(IMPORTS + "add/", {"file": SimpleUploadedFile("a.csv", b"x;y\n1;2\n"), "reason": "manual"})
    assert "No column" in answer.text
    assert not SuppressionImport.objects.exists()
    assert not list(files.rglob("*.csv"))


def test_the_list_is_exported_as_it_is_filtered() -> None:
    suppress(["ada@example.com"], reason="complaint", source="x")
    suppress(["bob@example.com"], reason="manual", source="x")
    answer = boss().get(reverse("admin:campaigns_suppression_export"), {"reason__exact": "manual"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "bob@example.com" in text
    assert "ada@example.com" not in text


@pytest.mark.parametrize("search", ["ada@example.com", digest("ada@example.com").hex()])
def test_releasing_wants_a_reason_and_for_a_complaint_a_second_yes(search: str) -> None:
    client = boss()
    suppress(["ada@example.com"], reason="complaint", source="x")
    (row,) = client.get(LIST, {"q": search}).context["cl"].result_list
    address = reverse("admin:campaigns_suppression_release", args=[row.pk])
    for typed in ({"why": ""}, {"why": "we talked"}, {"sure": "on"}):
        assert client.post(address, {"_form_submitted": "1", **typed}).status_code == 200
        assert Suppression.objects.exists()
    client.post(address, {"_form_submitted": "1", "why": "we talked", "sure": "on"})
    assert not Suppression.objects.exists()
    kept = SuppressionRelease.objects.get()
    assert (kept.why, kept.released_by) == ("we talked", "boss0")
    found = client.get("/admin/campaigns/suppressionrelease/", {"q": search})
    assert "we talked" in found.text


def test_whoever_may_only_look_releases_and_imports_nothing() -> None:
    suppress(["ada@example.com"], reason="manual", source="x")
    client: Client = somebody("Viewers")
    row = Suppression.objects.get()
    page = client.get(f"{LIST}{row.pk}/change/")
    assert page.status_code == 200
    assert "Allow mail again" not in page.text
    address = reverse("admin:campaigns_suppression_release", args=[row.pk])
    assert client.post(address, {"_form_submitted": "1", "why": "x"}).status_code == 403
    assert client.get(IMPORTS + "add/").status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Suppression.objects.exists()
