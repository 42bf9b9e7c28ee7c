"""What messages that came back say, form by form."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.parse_bounce import judged, read_all
from delivery.engine.classify import Classifier
from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule
from massmailer.embedded import paths
from tests.unit.tracking.inbound.samples import AUTOREPLIES, BOUNCES, OTHERS, block, complaint, dsn, plain
from tracking.inbound.parse import parse
from tracking.inbound.report import Recipient

BESIDE = paths.checkout().parent / "shared" / "data" / "bounces"


def classes(recipients: tuple[Recipient, ...]) -> list[tuple[str, str]]:
    return [(one.address, one.refusal.value) for one in recipients]


@pytest.mark.parametrize(("raw", "refusal"), [one[1:] for one in BOUNCES], ids=[one[0] for one in BOUNCES])
def test_a_bounce_names_its_recipient_and_the_class(raw: bytes, refusal: str) -> None:
    report = parse(raw)
    assert report.kind == "bounce"
    assert classes(report.recipients) == [("lea@there.example", refusal)]
    assert report.recipients[0].rule


@pytest.mark.parametrize("raw", [one[1] for one in BOUNCES], ids=[one[0] for one in BOUNCES])
def test_line_ends_of_the_network_change_nothing(raw: bytes) -> None:
    assert parse(raw.replace(b"\n", b"\r\n")) == parse(raw)


def test_each_recipient_of_a_notification_is_judged_by_its_own_reply() -> None:
    report = parse(
        dsn(
            block("a@there.example", "failed", "5.1.1", "550 5.1.1 No such user"),
            block("b@there.example", "failed", "5.2.2", "552 5.2.2 Mailbox full"),
            block("c@there.example", "relayed", "2.0.0", "250 2.0.0 OK"),
            block("d@there.example", "delayed", "4.4.1", "connection timed out"),
        )
    )
    assert report.kind == "bounce"
    assert classes(report.recipients) == [
        ("a@there.example", "hard"), ("b@there.example", "soft"), ("d@there.example", "transient"),
    ]  # fmt: skip
    assert (report.recipients[0].status, report.recipients[0].reply) == ("5.1.1", "550 No such user")


def test_each_recipient_in_words_is_judged_by_its_own_lines() -> None:
    text = "<a@there.example>:\n550 no such user\n\n<b@there.example>:\n552 mailbox full\n"
    report = parse(plain("MAILER-DAEMON@there.example", "failure notice", text))
    assert classes(report.recipients) == [("a@there.example", "hard"), ("b@there.example", "soft")]


def test_each_recipient_of_a_transcript_has_a_line_of_its_own() -> None:
    text = (
        "   ----- Transcript of session follows -----\n>>> DATA\n<<< 452 try again\n"
        "554 <a@there.example>... 552 mailbox full\n550 there.example (smtp)... 550 Host unknown\n"
        "550 <b@there.example>... User unknown\n"
    )
    report = parse(plain("MAILER-DAEMON@there.example", "Returned mail", text))
    assert classes(report.recipients) == [("a@there.example", "soft"), ("b@there.example", "hard")]


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_what_arrived_is_no_bounce(action: str) -> None:
    report = parse(dsn(block("lea@there.example", action, "2.0.0", "250 2.0.0 OK")))
    assert report.kind == "delivered"
    assert [one.address for one in report.recipients] == ["lea@there.example"]


@pytest.mark.parametrize("more", ["Original-Rcpt-To: lea@there.example\n", ""])
def test_a_complaint_names_who_complained(more: str) -> None:
    report = parse(complaint(more=more))
    assert report.kind == "complaint"
    assert [(one.address, one.rule) for one in report.recipients] == [("lea@there.example", "feedback-abuse")]


@pytest.mark.parametrize("raw", AUTOREPLIES)
def test_an_automatic_reply_is_no_bounce(raw: bytes) -> None:
    report = parse(raw)
    assert report.kind == "autoreply"
    assert [one.address for one in report.recipients] == ["lea@there.example"]


@pytest.mark.parametrize("raw", OTHERS)
def test_everything_else_is_other(raw: bytes) -> None:
    report = parse(raw)
    assert (report.kind, report.recipients) == ("other", ())


def test_notices_of_ses_are_read() -> None:
    refused = {"emailAddress": "lea@there.example", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown user"}
    bounce = {"notificationType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": [refused]}}
    assert classes(parse(plain("aws@x.example", "Notice", json.dumps(bounce))).recipients) == [
        ("lea@there.example", "hard")
    ]
    arrived = {"notificationType": "Delivery", "delivery": {"recipients": ["lea@there.example"]}}
    assert parse(plain("aws@x.example", "Notice", json.dumps(arrived))).kind == "delivered"


def test_a_bounce_that_a_gateway_passed_on_is_unpacked() -> None:
    inner = dsn(block("lea@there.example", "failed", "5.1.1", "550 5.1.1 No such user")).decode()
    outer = f"Content-Type: multipart/mixed; boundary=O\n\n--O\nContent-Type: message/rfc822\n\n{inner}\n--O--\n"
    assert classes(parse(outer.encode()).recipients) == [("lea@there.example", "hard")]


@pytest.mark.parametrize("place", ["subject", "text", "both"])
def test_our_own_subject_is_no_reason(place: str) -> None:
    ours = "User unknown? 550 5.1.1 No such user"
    text = "Your message\n\n  To:      lea@there.example\n  Subject: {}\n\ndid not reach:\n\nlea@there.example\n"
    raw = plain(
        "postmaster@there.example",
        f"Undeliverable: {ours if place != 'text' else 'Spring'}",
        text.format(ours if place != "subject" else "Spring"),
    )
    assert classes(parse(raw).recipients) == [("lea@there.example", "undetermined")]


def test_an_operators_rules_count() -> None:
    rules = Classifier(own=[Rule("ours", Kind.SOFT, "as we please", phrases=("no such user",))])
    found = parse(dsn(block("lea@there.example", "failed", "5.1.1", "550 5.1.1 No such user")), rules).recipients[0]
    assert (found.refusal.value, found.rule) == ("soft", "ours")


def test_real_bounces_are_read_right() -> None:
    place = Path(os.environ.get("MASSMAILER_BOUNCES") or BESIDE)
    if not (place / "labels.jsonl").is_file():
        pytest.skip("no real bounces: set MASSMAILER_BOUNCES to a folder with labels.jsonl (see bench/parse_bounce.py)")
    messages = [one for one in read_all(place) if one.is_scored]
    everyone = list(judged(messages))
    soft = [one for one in everyone if not one.hard and one.reason not in ("suspend", "filtered")]
    assert sum(one.is_right for one in messages) >= 0.95 * len(messages)
    kept = [one for one in everyone if one.reason not in ("suspend", "filtered")]
    assert sum(one.right for one in kept) >= 0.9 * len(kept)
    assert sum(one.suppressed for one in soft) <= 0.03 * len(soft)
