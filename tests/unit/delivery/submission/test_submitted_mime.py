"""What comes over SMTP leaves as it was written, or is refused with a reason."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine import dkim_keys
from delivery.engine.dkim import DkimSigner
from delivery.engine.message import Mailbox, MessageHead
from delivery.messages import raw
from delivery.messages.raw import RawTemplate
from delivery.submission import controls, mime
from delivery.submission.guard import Guard
from delivery.submission.refusal import Refused
from tests.dkim_verifier import Verifier

HEAD = MessageHead("ada@example.com", "", "m1@shop.example", datetime(2026, 1, 1, tzinfo=UTC))


def message(head: str, body: str = "Hi\r\n") -> bytes:
    return f"From: Shop <shop@shop.example>\r\n{head}\r\n{body}".encode()


def rendered(content: bytes) -> bytes:
    return RawTemplate(mime.read(content).message, Mailbox("shop@shop.example"), None).render({}, HEAD).data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (message("Subject: a\r\nSubject: b\r\n"), "more than once"),
        (message("To: a@example.com\r\n", "smuggled\n.\nMAIL FROM:<a@b>\r\n"), "CR LF"),
        (message("To: a@example.com\r\n", "smuggled\r.\r\r\n"), "CR LF"),
        (message("Bad header\r\n"), "is none"),
        (message("X-A: a\0b\r\n"), "control character"),
        (b"Subject: a\r\n\r\nHi\r\n", "no From"),
        (b" folded: first\r\nFrom: a@b.example\r\n\r\n", "no header"),
        (b"From: a@b.example, c@d.example\r\n\r\nHi\r\n", "one address"),
        (b"From: nobody\r\n\r\nHi\r\n", "From"),
        # others would show the second one, and only the first is looked at
        (b"From: a@ours.example <b@theirs.example>\r\n\r\nHi\r\n", "one address"),
        (b"From: <a@ours.example> <b@theirs.example>\r\n\r\nHi\r\n", "one address"),
        (b"From: a@ours.example; b@theirs.example\r\n\r\nHi\r\n", "one address"),
        (message("Received: x\r\n" * 51), "loop"),
        # what SendGrid and Mandrill would send to others than we have looked up
        (message('X-SMTPAPI: {"to": ["eve@example.com"]}\r\n'), "mail service"),
        (message("x-mc-bccaddress: eve@example.com\r\n"), "mail service"),
    ],
)
def test_what_cannot_be_carried_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        mime.read(content)


def test_lines_that_begin_with_a_dot_arrive_and_end_nothing() -> None:
    data = rendered(message("To: a@example.com\r\n", ".\r\n..two\r\nend\r\n\r\n\r\n"))
    assert data.endswith(b"\r\n\r\n..\r\n...two\r\nend\r\n")


def test_what_is_missing_is_added_and_what_is_there_stays() -> None:
    without = email.message_from_bytes(rendered(message("To: a@example.com\r\n")), policy=email.policy.default)
    assert (without["Message-ID"], without["Date"]) == ("<m1@shop.example>", "Thu, 01 Jan 2026 00:00:00 +0000")
    given_id = rendered(message("Message-ID: <own@shop.example>\r\nDate: Fri, 02 Jan 2026 10:00:00 +0100\r\n"))
    assert b"Message-ID: <own@shop.example>\r\n" in given_id
    assert b"10:00:00 +0100" in given_id


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_eight_bit_text_leaves_in_seven_bits(encoding: str) -> None:
    content = (
        f"From: Zoë <shop@shop.example>\r\nSubject: Grüße\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset={encoding}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode() + "Grüße aus Köln\r\n".encode(encoding)
    data = rendered(content)
    assert data.isascii()
    arrived = email.message_from_bytes(data, policy=email.policy.default)
    assert (arrived["Subject"], arrived["From"]) == ("Grüße", "Zoë <shop@shop.example>")
    assert arrived.get_content().replace("\r\n", "\n") == "Grüße aus Köln\n"  # type: ignore[attr-defined]


def read(content: bytes) -> mime.Submitted | Refused:
    try:
        return mime.read(content)
    except Refused as refused:
        return refused


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_hostile_bytes_are_read_or_refused(head: bytes, body: bytes) -> None:
    for content in (head + b"\r\n\r\n" + body, b"From: a@b.example\r\n" + head + b"\r\n\r\n" + body):
        found = read(content)
        if isinstance(found, Refused):
            assert found.reply.isascii()
            assert "\n" not in found.reply
        else:
            assert b"\n" not in found.message.replace(b"\r\n", b"")
            assert found.message.endswith(b"\r\n")


@given(st.text(max_size=60))
def test_any_from_header_is_read_or_refused(value: str) -> None:
    found = read(f"From: {value}\r\n\r\nHi\r\n".encode())
    assert found.sender.address if isinstance(found, mime.Submitted) else found.reply[:3].isdigit()


def test_controls_are_read_and_mistakes_named() -> None:
    found = controls.parse(
        {
            "x-massmailer-stream": "receipts", "x-massmailer-tags": "a, b,,", "x-massmailer-priority": "9",
            "x-massmailer-send-at": "2027-01-31T08:00:00Z", "x-massmailer-metadata": '{"a": 1}',
            "x-massmailer-at-least-once": "yes",
        }
    )  # fmt: skip
    assert (found.stream, found.tags, found.priority) == ("receipts", ("a", "b"), 9)
    assert found.send_at == datetime(2027, 1, 31, 8, tzinfo=UTC)
    assert (found.metadata, found.at_least_once) == ({"a": 1}, True)
    for name, value in (
        ("priority", "10"), ("send-at", "tomorrow"), ("send-at", "2027-01-31T08:00:00"), ("metadata", "[1]"),
        ("idempotency-key", ""), ("at-least-once", "perhaps"), ("steam", "a"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=f"(?i)x-massmailer-{name}"):
            controls.parse({f"x-massmailer-{name}": value})


def test_who_tries_keys_waits_longer_each_time_and_then_outside() -> None:
    now = [0.0]
    guard = Guard(lambda: now[0])
    delays = [guard.failed("192.0.2.7") for _ in range(10)]
    assert delays[:3] == [0.25, 0.5, 1.0]
    assert max(delays) == 8.0
    assert guard.is_shut("192.0.2.7")
    assert not guard.is_shut("192.0.2.8")
    assert [guard.failed("2001:db8::1"), guard.failed("2001:db8::2")] == [0.25, 0.5]
    now[0] = 601.0
    assert not guard.is_shut("192.0.2.7")
    assert guard.failed("192.0.2.7") == 0.25


def test_our_signature_is_over_what_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = dkim_keys.new_rsa_key()
    signer = DkimSigner("shop.example", [dkim_keys.load_key("mm1", pem)])
    monkeypatch.setattr(raw, "signer_of", lambda _domain: signer)
    body = ".a dot\r\n\r\n  spaces  at the end \r\n\r\n\r\n"
    head = "To: A <a@example.com>,\r\n B <b@example.com>\r\nSubject: A  subject\r\n"
    for content in (message(head, body), message(head, ""), message(f"{head}MIME-Version: 1.0\r\n", body)):
        data = rendered(content)
        unstuffed = re.sub(rb"(?m)^\.\.", b".", data)
        assert Verifier({("mm1", "shop.example"): pem}).verdicts(unstuffed) == [True]
