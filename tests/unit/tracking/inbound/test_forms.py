"""The forms of many servers, and the same report however it is put together."""

from __future__ import annotations

import base64
import itertools
import quopri
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tracking.inbound.forms import FORMS, LEA, Expected, postfix
from tests.unit.tracking.inbound.old_forms import OLD_FORMS
from tests.unit.tracking.inbound.other_kinds import AWAY, COMPLAINTS, NO_BOUNCES
from tests.unit.tracking.inbound.samples import ORIGINAL, block, dsn
from tracking.inbound.parse import parse

ALL = (*FORMS, *OLD_FORMS)
# of words, status and original
ORDERS = tuple(itertools.permutations(range(3)))
ENCODINGS = ("8bit", "quoted-printable", "base64")
REPLY = "550 Requested action not taken: the account of this name was never opened with us, so no such user here"
WORDS = f"Grüße! Your message could not be delivered:\n\n<{LEA}>: host mx.there.example said: {REPLY}\n"
FATES = {
    "hard": ("failed", "5.1.1", "550 5.1.1 User unknown"),
    "soft": ("failed", "5.2.2", "552 5.2.2 Mailbox full"),
    "block": ("failed", "5.7.1", "554 5.7.1 Spam"),
    "content": ("failed", "5.3.4", "552 5.3.4 Message too big"),
    "transient": ("delayed", "4.4.1", "connection timed out"),
    "arrived": ("relayed", "2.0.0", "250 OK"),
}


def read(raw: bytes) -> Expected:
    found = parse(raw)
    return found.kind.value, tuple((one.address, one.refusal.value) for one in found.recipients)


@pytest.mark.parametrize(("raw", "expected"), [form[1:] for form in ALL], ids=[form[0] for form in ALL])
def test_a_form_is_read(raw: bytes, expected: Expected) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(("raw", "expected"), [form[1:] for form in ALL], ids=[form[0] for form in ALL])
def test_a_form_is_read_the_same_with_line_ends_of_the_network(raw: bytes, expected: Expected) -> None:
    assert read(raw.replace(b"\n", b"\r\n")) == expected


@pytest.mark.parametrize("raw", [form[1] for form in COMPLAINTS], ids=[form[0] for form in COMPLAINTS])
def test_a_complaint_names_who_pressed_the_button(raw: bytes) -> None:
    assert read(raw) == ("complaint", ((LEA, "undetermined"),))


@pytest.mark.parametrize("raw", [form[1] for form in AWAY], ids=[form[0] for form in AWAY])
def test_people_who_are_away_do_not_bounce(raw: bytes) -> None:
    assert read(raw) == ("autoreply", ((LEA, "undetermined"),))


@pytest.mark.parametrize("raw", [form[1] for form in NO_BOUNCES], ids=[form[0] for form in NO_BOUNCES])
def test_what_only_speaks_of_bounces_is_none(raw: bytes) -> None:
    assert read(raw) == ("other", ())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (f"Final-Recipient: {LEA}\nAction: failed\nStatus: 5.1.1", "hard"),
        (f"Final-Recipient: utf-8; <{LEA}>\nAction: Failed (permanently)\nStatus: 5.1.1 (bad address)", "hard"),
        (f"Final-Recipient: rfc822; lea\nX-Actual-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.1.1", "hard"),
        (f"Original-Recipient: unknown;\nFinal-Recipient: rfc822; {LEA}\nStatus: 5.1.1", "hard"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 5.0.0\nDiagnostic-Code: smtp;550-5.1.1 <{LEA}>:\n"
         " 550-5.1.1 Recipient address\n 550 5.1.1 rejected: User unknown", "hard"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.7.606 Access denied, banned"
         " sending IP", "block"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 5.2.2\nDiagnostic-Code: smtp; 550 5.1.1 mailbox full", "soft"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 5.0.0\nDiagnostic-Code: X-Postfix; quota exceeded", "soft"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 5.4.7\nDiagnostic-Code: smtp; 554 5.4.7 exceeded max time without"
         " delivery", "transient"),
        (f"Final-Recipient: rfc822; {LEA}\nStatus: 4.7.0\nDiagnostic-Code: smtp; 421 4.7.0 [TSS04] deferred",
         "throttle"),
        (f"Final-Recipient: rfc822; {LEA}\nAction: failed\nStatus: 5.0.0", "undetermined"),
    ],
)  # fmt: skip
def test_fields_are_read_however_a_server_writes_them(fields: str, expected: str) -> None:
    assert read(dsn(fields)) == ("bounce", ((LEA, expected),))
    # some servers leave out the empty line between the report's fields and the recipient's
    assert read(dsn(fields).replace(b"mx.there.example\n\nF", b"mx.there.example\nF")) == read(dsn(fields))


def encoded(text: str, encoding: str) -> str:
    raw = text.encode()
    if encoding == "base64":
        return base64.encodebytes(raw).decode()
    return quopri.encodestring(raw).decode() if encoding == "quoted-printable" else text


def composed(status: str, order: tuple[int, ...], encoding: str, *, without: int | None = None) -> bytes:
    """A report of words, status and original in that order of parts, the first two encoded."""
    parts = [
        ("text/plain; charset=utf-8", encoding, WORDS),
        ("message/delivery-status", encoding, status),
        ("message/rfc822", "8bit", ORIGINAL.format(to="someone@else.example")),
    ]
    body = "".join(
        f"--=_part\nContent-Type: {kind}\nContent-Transfer-Encoding: {how}\n\n{encoded(text, how)}\n"
        for kind, how, text in (parts[number] for number in order if number != without)
    )
    return (
        "From: Mail Delivery System <MAILER-DAEMON@relay.sender.example>\nTo: bounce@sender.example\n"
        "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="=_part"\n\n{body}--=_part--\n'
    ).encode()


def folded(address: str, said: str) -> str:
    lines = textwrap.wrap(said, 30)
    return block(address, "failed", "5.0.0", "\n    ".join(lines))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("order", ORDERS)
def test_order_and_encoding_of_the_parts_change_nothing(order: tuple[int, ...], encoding: str) -> None:
    status = f"Reporting-MTA: dns; relay.sender.example\n\n{folded(LEA, REPLY)}\n"
    assert read(composed(status, order, encoding)) == ("bounce", ((LEA, "hard"),))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("order", [order for order in ORDERS if order.index(0) < order.index(2)])
def test_a_report_without_its_status_is_read_by_its_words(order: tuple[int, ...], encoding: str) -> None:
    assert read(composed("", order, encoding, without=1)) == ("bounce", ((LEA, "hard"),))


@pytest.mark.parametrize("step", ["RCPT TO", "end of DATA", "DATA"])
@pytest.mark.parametrize("code", ["550", "551", "553", "554"])
def test_words_prove_an_address_only_in_answer_to_the_recipient(step: str, code: str) -> None:
    expected = "hard" if step == "RCPT TO" else "undetermined"
    assert read(postfix("No such user here", step, code)) == ("bounce", ((LEA, expected),))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=12))
def test_each_recipient_has_its_own_fate(fates: list[str]) -> None:
    addresses = [f"a{number}@there.example" for number in range(len(fates))]
    raw = dsn(*(block(address, *FATES[fate]) for address, fate in zip(addresses, fates, strict=True)))
    refused = [(address, fate) for address, fate in zip(addresses, fates, strict=True) if fate != "arrived"]
    arrived = tuple((address, "undetermined") for address in addresses)
    assert read(raw) == (("bounce", tuple(refused)) if refused else ("delivered", arrived))
