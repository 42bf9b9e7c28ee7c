"""A provider's log turns unknown e-mails into sent ones, and nothing else into anything."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from campaigns.addresses import address_hash
from campaigns.leads.errors import FileRefused
from campaigns.models import Campaign, Lead
from delivery import provider_log, unknown
from delivery.models import Email, UnknownDecision
from delivery.provider_log import Verdict
from tests.integration.delivery.ledger_house import sent_campaign
from tests.integration.delivery.unknowns import checked, row_of, unknown_ids

STATUSES = ["unknown"] * 6 + ["sent"] * 3 + ["bounced_hard"]
Write = Callable[[str], Path]


@pytest.fixture
def campaign(db: None) -> Campaign:
    """Ten leads: six unknown (the last of them after a retry), three sent, one bounced."""
    made = sent_campaign(STATUSES)
    Email.objects.filter(lead_id=unknown_ids(made)[5]).update(attempt=2)
    return made


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "log.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create(username="ann")


def read(campaign: Campaign, path: Path, by: User | None = None, **options: object) -> provider_log.LogReport:
    return unknown.mark_from_log(campaign_id=campaign.pk, file=path, by=by, **options)


def identifier(campaign: Campaign, lead_id: int, attempt: int = 1) -> str:
    return f"<{campaign.pk:x}.{lead_id:x}.{attempt}@sender.example>"


def test_a_preview_changes_nothing_and_says_the_same(campaign: Campaign, write: Write, ann: User) -> None:
    path = write("email,event\nreader0@example.com,delivered\nreader1@example.com,bounced\nreader6@example.com,sent\n")
    before = list(Email.objects.order_by("lead_id").values())

    preview = read(campaign, path, ann, dry_run=True)

    assert list(Email.objects.order_by("lead_id").values()) == before
    assert not UnknownDecision.objects.exists()
    assert (preview.leads, preview.changed, preview.by_address) == (1, 0, 1)
    applied = read(campaign, path, ann)
    assert (applied.leads, applied.changed) == (1, 1)
    assert preview.verdicts == applied.verdicts == {Verdict.PROVES: 1, Verdict.NOT_ACCEPTED: 1, Verdict.SETTLED: 1}


def test_accepted_ones_become_sent_and_others_stay(campaign: Campaign, write: Write, ann: User) -> None:
    ids = unknown_ids(campaign)
    path = write(
        "Recipient;Status\nREADER0@example.com;Delivered\nreader1@example.com;Hard Bounce\nreader2@example.com;250 ok\n"
    )
    read(campaign, path, ann)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.bounced) == (4, 5, 1)
    assert unknown_ids(campaign) == [ids[1], *ids[3:]]
    decision = UnknownDecision.objects.get()
    assert (decision.action, decision.lead_ids, decision.by_name) == ("mark_sent", [ids[0], ids[2]], "ann")
    assert "3 lines read" in decision.note


def test_message_ids_name_the_attempt(campaign: Campaign, write: Write) -> None:
    ids = unknown_ids(campaign)
    lines = [
        identifier(campaign, ids[0]),
        identifier(campaign, ids[5], 1),
        identifier(campaign, ids[5], 2),
        # an attempt that was never made, another campaign, another house, a transactional message, no lead of ours
        identifier(campaign, ids[1], 2),
        f"<{campaign.pk + 1:x}.{ids[2]:x}.1@sender.example>",
        f"<{campaign.pk:x}.{ids[2]:x}.1@other.example>",
        f"<m{ids[2]:x}@sender.example>",
        f"<{campaign.pk:x}.fffffff.1@sender.example>",
    ]
    report = read(campaign, write("message-id\n" + "\n".join(lines) + "\n"))
    assert unknown_ids(campaign) == ids[1:5]
    assert (report.leads, report.changed, report.by_address) == (2, 2, 0)
    assert report.verdicts == {Verdict.PROVES: 3, Verdict.BAD: 1, Verdict.ELSEWHERE: 4}
    assert [(bad.number, bad.reason) for bad in report.bad] == [(5, f"Attempt 2 for lead {ids[1]} was never made.")]


def test_the_same_log_twice_changes_nothing_the_second_time(campaign: Campaign, write: Write) -> None:
    path = write("email\nreader0@example.com\nreader0@example.com\nreader1@example.com\n")
    assert read(campaign, path).changed == 2
    again = read(campaign, path)
    assert (again.leads, again.changed, again.settled) == (0, 0, 3)
    assert UnknownDecision.objects.count() == 1
    assert checked(campaign).unknown == 4


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("email;status\r\nreader0@example.com;delivered\r\n", "cp1252"),
        ("Status\tE-Mail\ndelivered\treader0@example.com\n", "utf-16"),
        ("sep=;\nstatus;mail;name\ndelivered;reader0@example.com;Zoë\n", "utf-8-sig"),
        ("reader0@example.com,delivered\nreader1@example.com,bounced\n", "utf-8"),
        ('email,note,status\nreader0@example.com,"a, b ""c""",delivered\n', "utf-8"),
        ("email\nreader0@example.com", "utf-8"),
    ],
)
def test_logs_of_any_dialect_are_read(campaign: Campaign, write: Write, text: str, encoding: str) -> None:
    ids = unknown_ids(campaign)
    report = read(campaign, write(text, encoding))
    assert (report.changed, report.bad_count) == (1, 0)
    assert unknown_ids(campaign) == ids[1:]


def test_a_packed_log_is_read(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"email\nreader0@example.com\n"))
    assert read(campaign, path).changed == 1


def test_every_bad_line_is_reported_with_number_and_reason(campaign: Campaign, write: Write, tmp_path: Path) -> None:
    path = write(
        "email,status\nreader0@example.com,delivered\nnot an address,delivered\nreader1@example.com,perhaps\n"
        'reader2@example.com,delivered,too,many\n"open quote,delivered\n,delivered\nreader3@example.com,delivered\n'
        "=cmd(),delivered\n"
    )
    rejects = tmp_path / "rejects.csv"
    report = read(campaign, path, rejects=rejects)
    assert [bad.number for bad in report.bad] == [3, 4, 5, 6, 7, 9]
    assert report.bad_count == 6
    assert (report.changed, report.lines) == (2, 8)
    assert sum(report.verdicts.values()) == report.lines
    written = rejects.read_text(encoding="utf-8-sig").splitlines()
    assert written[0] == "line,result,reason,email,status"
    assert [line.split(",")[0] for line in written[1:]] == ["3", "4", "5", "6", "7", "9"]
    # what a spreadsheet would run is made harmless
    assert "'=cmd()" in written[-1]


def test_more_bad_lines_than_a_page_shows_are_all_in_the_file(campaign: Campaign, write: Write, tmp_path: Path) -> None:
    path = write("email\nreader0@example.com\n" + "rubbish\n" * 250)
    report = read(campaign, path, rejects=tmp_path / "rejects.csv")
    assert (len(report.bad), report.bad_count, report.changed) == (100, 250, 1)
    assert len((tmp_path / "rejects.csv").read_text().splitlines()) == 251


def test_a_good_log_leaves_no_file_of_rejects(campaign: Campaign, write: Write, tmp_path: Path) -> None:
    read(campaign, write("email\nreader0@example.com\n"), rejects=tmp_path / "rejects.csv")
    assert not (tmp_path / "rejects.csv").exists()


def test_an_address_counts_as_it_was_when_it_was_written_to(campaign: Campaign, write: Write) -> None:
    ids = unknown_ids(campaign)
    rows = Email.objects.filter(campaign_id=campaign.pk)
    # the first lead was written to at its old address; the second too, and somebody else has that address today
    rows.filter(lead_id=ids[0]).update(address_hash=address_hash("old0@example.com"))
    rows.filter(lead_id=ids[1]).update(address_hash=address_hash("old1@example.com"))
    Lead.objects.filter(pk=ids[2]).update(email="old1@example.com")

    read(campaign, write("email\nreader0@example.com\nold1@example.com\n"))

    assert row_of(campaign, ids[0]).status == "unknown"
    assert row_of(campaign, ids[1]).status == "sent"
    assert row_of(campaign, ids[2]).status == "unknown"
    read(campaign, write("email\nold0@example.com\n"))
    assert row_of(campaign, ids[0]).status == "sent"


def test_an_erased_lead_is_found_by_its_message_id(campaign: Campaign, write: Write) -> None:
    ids = unknown_ids(campaign)
    Lead.objects.filter(pk=ids[0]).delete()
    assert read(campaign, write(f"email,message_id\nreader0@example.com,{identifier(campaign, ids[0])}\n")).changed == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"time,host\n12:00,relay\n", "Name one of its columns"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\n\n", "no text"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_the_cure(
    campaign: Campaign, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(FileRefused, match=words):
        read(campaign, path)


def test_a_log_that_is_too_long_is_refused_as_a_whole(
    campaign: Campaign, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_log, "MAX_LINES", 100)
    monkeypatch.setattr(provider_log, "CHUNK_LINES", 10)
    with pytest.raises(FileRefused, match="more than 100 lines"):
        read(campaign, write("email\n" + "reader0@example.com\n" * 200))
    assert checked(campaign).unknown == 6


def test_a_log_longer_than_a_chunk_is_read_to_its_end(
    campaign: Campaign, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_log, "CHUNK_LINES", 3)
    lines = [f"nobody{n}@example.com" for n in range(7)] + ["reader0@example.com"] * 2 + ["reader1@example.com"]
    report = read(campaign, write("email\n" + "\n".join(lines) + "\n"))
    assert (report.lines, report.changed, report.elsewhere) == (10, 2, 7)
