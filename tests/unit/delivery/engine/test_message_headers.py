"""Headers arrive as they were meant, whatever people type into them."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.engine import headers
from delivery.engine.headers import HeaderInvalid, Mailbox, list_unsubscribe
from delivery.engine.message import MessageHead, MessageTemplate, RenderFailed

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Subject:
    def render(self, context: Mapping[str, object]) -> str:
        return str(context["subject"])


def built(
    *,
    subject: str = "Hello",
    sender: Mailbox = Mailbox("news@acme.example", "Acme"),  # noqa: B008
    to: Mailbox = Mailbox("ann@example.com"),  # noqa: B008
    static: Sequence[tuple[str, str]] = (),
    extra: Sequence[tuple[str, str]] = (),
    message_id: str = "m1@acme.example",
) -> bytes:
    template = MessageTemplate([Subject()], ["x"], ["x"], sender, static)
    data = template.render({"subject": subject}, MessageHead(to.address, to.name, message_id, NOW, extra)).data
    head = data.split(b"\r\n\r\n")[0]
    assert all(len(line) <= 76 or b"<" in line for line in head.split(b"\r\n")), head
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith(b" ")]
    own = ["From", *(name for name, _ in static), "To", "Subject", "Date", "Message-ID", *(name for name, _ in extra)]
    assert names == [*own, "MIME-Version", "Content-Type"], "a value became a header"
    return data


def message(**what: Any) -> EmailMessage:
    parsed = email.message_from_bytes(built(**what), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    return parsed


typed = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\r\n\0\t "\\<>@,;:()=?é😀'), max_size=120)


def on_one_line(value: str) -> str:
    return headers.clean(value)


@settings(max_examples=100, deadline=None)
@given(typed)
@example("a" * 300)
@example("word " * 40)
@example("é" * 100)
@example("double  space " + "x" * 80)
@example("=?utf-8?q?not=20encoded?=")
@example("Hello\r\nBcc: victim@example.com")
@example("x\r\n\r\nbody")
def test_a_subject_arrives_on_one_line(subject: str) -> None:
    assert str(message(subject=subject)["Subject"]) == on_one_line(subject)


@settings(max_examples=100, deadline=None)
@given(typed)
@example('O"Neill \\ Ann')
@example("Smith, Ann (Ms.)")
@example("a@b.example")
@example("Łukasz " * 12)
@example("Ann " * 30)
@example("x" * 100)
@example("=?utf-8?q?evil?=")
@example("Ann\r\nBcc: victim@example.com")
def test_a_name_arrives_with_its_address(name: str) -> None:
    data = built(to=Mailbox("ann@example.com", name), sender=Mailbox("news@acme.example", name))
    raw = email.message_from_bytes(data, policy=email.policy.compat32)
    for header, address in (("To", "ann@example.com"), ("From", "news@acme.example")):
        words, found = parseaddr(re.sub(r"\r?\n(?=[ \t])", "", raw[header]))
        assert (found, str(make_header(decode_header(words)))) == (address, on_one_line(name))


def test_plain_headers_stay_plain() -> None:
    assert headers.unstructured("Subject", "Hello Ann") == b"Subject: Hello Ann\r\n"
    assert headers.mailbox("To", Mailbox("a@example.com", "Ann O'Neill")) == b"To: Ann O'Neill <a@example.com>\r\n"
    assert headers.mailbox("To", Mailbox("a@example.com", "Smith, A.")) == b'To: "Smith, A." <a@example.com>\r\n'
    assert headers.mailbox("To", Mailbox("a@example.com")) == b"To: a@example.com\r\n"


def test_long_words_beyond_ascii_are_never_cut_inside_a_character() -> None:
    line = headers.unstructured("Subject", "日本語のとても長い件名" * 8)
    for word in line.decode().removeprefix("Subject: ").split("\r\n "):
        decoded = decode_header(word.strip())
        assert decoded[0][0].decode("utf-8")
        assert len(word) <= 75


def test_international_addresses() -> None:
    assert headers.mailbox("To", Mailbox("ann@bücher.example")) == b"To: ann@xn--bcher-kva.example\r\n"
    assert headers.mailbox("To", Mailbox("jürgen@example.com")) == "To: jürgen@example.com\r\n".encode()


# --- List-Unsubscribe and its kin -------------------------------------------------------------------------------

URL = "https://mail.example/u/AiMwOXTLsQzAl_B3un5c2zMAiMwOXTLsQzAl_B3un5c2zM"


def test_list_unsubscribe_is_folded_between_addresses_and_never_encoded() -> None:
    value = list_unsubscribe(URL, "u-airtaoluzoy7bkz2ngbaj3awn2sq@bounce.example")
    line = headers.checked("List-Unsubscribe", value)
    assert line == (
        f"List-Unsubscribe: <{URL}>,\r\n <mailto:u-airtaoluzoy7bkz2ngbaj3awn2sq@bounce.example>\r\n".encode()
    )
    parsed = message(extra=[("List-Unsubscribe", value), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")])
    assert "".join(parsed["List-Unsubscribe"].split()) == "".join(value.split())
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_very_long_address_is_not_broken() -> None:
    url = f"https://mail.example/{'x' * 300}"
    assert headers.checked("List-Unsubscribe", list_unsubscribe(url)) == f"List-Unsubscribe: <{url}>\r\n".encode()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "https://mail.example/u",
        "<ftp://mail.example/u>",
        "<mailto:u@mail.example>",
        "<https://a.example/u>, <https://b.example/u>",
        "<https://a.example/u>, <mailto:a@b.example>, <mailto:c@d.example>",
        "<https://a.example/ü>",
        f"<https://a.example/{'x' * 1000}>",
        "<https://a.example/u>\r\nBcc: x@y.example",
        "<https://a.example/\0>",
    ],
)
def test_a_wrong_list_unsubscribe_is_refused(value: str) -> None:
    with pytest.raises(HeaderInvalid):
        headers.checked("List-Unsubscribe", value)


@pytest.mark.parametrize(
    ("name", "value"), [("List-Id", "Acme news <news.acme.example>"), ("Feedback-ID", "42:acme:marketing:AcmeMail")]
)
def test_machine_read_headers_stand_as_they_are(name: str, value: str) -> None:
    assert message(static=[(name, value)])[name] == value


# --- headers that users or operators add ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Campaign\r\nBcc", "a"),
        ("X Campaign", "a"),
        ("X-Campaign:", "a"),
        ("", "a"),
        ("Ünicode", "a"),
        (".X", "a"),
        ("X-Campaign", "a\r\nBcc: b@c.example"),
        ("X-Campaign", "a\nb"),
        ("X-Campaign", "a\0b"),
        ("Bcc", "a@b.example"),
        ("bcc", "a@b.example"),
        ("Subject", "again"),
        ("FROM", "a@b.example"),
        ("Content-Type", "text/html"),
        ("DKIM-Signature", "v=1"),
        ("Precedence", "bulk"),
        ("Feedback-ID", "é:b:c:d"),
    ],
)
def test_headers_that_must_not_be_set_are_refused(name: str, value: str) -> None:
    with pytest.raises(HeaderInvalid):
        message(static=[(name, value)])
    with pytest.raises(RenderFailed):
        message(extra=[(name, value)])


def test_own_headers_may_be_in_any_language() -> None:
    assert message(static=[("X-Campaign", "Frühling")])["X-Campaign"] == "Frühling"


def test_reply_to_is_an_address() -> None:
    assert message(static=[("Reply-To", "help@acme.example")])["Reply-To"] == "help@acme.example"
    with pytest.raises(HeaderInvalid):
        message(static=[("Reply-To", "help\r\n@acme.example")])


@pytest.mark.parametrize("value", ["", "x", "<>", "a@b>\r\nX: y", "a b@c.example", "ü@c.example", "a@b@c"])
def test_a_wrong_message_id_fails_the_message(value: str) -> None:
    with pytest.raises(RenderFailed, match="Message-ID"):
        message(message_id=value)


def test_a_message_id_may_come_with_its_brackets() -> None:
    assert message(message_id="<m1@acme.example>")["Message-ID"] == "<m1@acme.example>"


def test_a_date_without_a_time_zone_is_refused() -> None:
    with pytest.raises(HeaderInvalid):
        headers.date(datetime(2026, 3, 1))


# --- the quick roads are the careful ones ------------------------------------------------------------------------

plain_words = st.text("Aa9 -'.=?_\u00e9", max_size=70)
uris = st.text("Aa9-_.~/?=&%,;:<> @", max_size=90)


@settings(max_examples=300, deadline=None)
@given(plain_words | typed)
@example("a =?utf-8?q?b")
@example(" a")
@example("x" * 67)
@example("x" * 68)
def test_a_common_subject_is_written_as_any_other(value: str) -> None:
    assert headers.unstructured("Subject", value) == headers._unstructured("Subject", headers.clean(value))


@settings(max_examples=300, deadline=None)
@given(plain_words, st.from_regex(r"[a-z9._+-]{1,40}@[a-z9.-]{1,40}", fullmatch=True))
@example("Ann", "ann@example.com")
@example("O'Neill-Smith Ann", "ann@example.com")
@example("Ann ", "ann@example.com")
@example("a =?b", "ann@example.com")
@example("A" * 55, "ann@example.com")
@example("A" * 56, "ann@example.com")
def test_a_common_owner_is_written_as_any_other(name: str, address: str) -> None:
    owner = Mailbox(address, name)
    assert headers.mailbox("To", owner) == headers._mailbox("To", owner)


@settings(max_examples=300, deadline=None)
@given(uris, uris | st.none())
@example("news.example/u/" + "a" * 20, None)
@example("news.example/u/" + "a" * 39, None)
@example("news.example/u/" + "a" * 40, None)
@example("news.example/u/" + "a" * 20, "u@news.example?subject=" + "a" * 20)
@example("news.example/u/a,b", "u@news.example")
def test_a_common_unsubscribe_line_is_written_as_any_other(url: str, mailto: str | None) -> None:
    value = list_unsubscribe(f"https://{url}", mailto or "")
    try:
        expected: bytes | None = headers._checked("List-Unsubscribe", value)
    except HeaderInvalid:
        expected = None
    try:
        found: bytes | None = headers.checked("List-Unsubscribe", value)
    except HeaderInvalid:
        found = None
    assert found == expected
