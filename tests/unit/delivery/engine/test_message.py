"""A built message, read by Python's own parser, says what was put in; and every line fits its protocol."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.engine.message import (
    Attachment,
    HeaderInvalid,
    Mailbox,
    MessageHead,
    MessageTemplate,
    RenderFailed,
)

NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
HEAD = MessageHead("ann@example.com", "Ann", "m1@news.example", NOW)
SENDER = Mailbox("news@acme.example", "Acme")


class Value:
    """A node that shows one key of the context."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.renders = 0

    def render(self, context: Mapping[str, object]) -> str:
        self.renders += 1
        return str(context[self.key])


def template(
    html: Sequence[str | Value] = ("<p>Hi</p>",),
    text: Sequence[str | Value] = ("Hi",),
    *,
    subject: Sequence[str | Value] = ("Hello",),
    sender: Mailbox = SENDER,
    static: Sequence[tuple[str, str]] = (),
    attachments: Sequence[Attachment] = (),
) -> MessageTemplate:
    return MessageTemplate(subject, html, text, sender, static, attachments)


def parse(data: bytes) -> EmailMessage:
    """The message as a receiver reads it, after checking that each line is fit for SMTP."""
    assert data.endswith(b"\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    for line in data.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith(b".")
        assert not line.endswith((b" ", b"\t")), "relays strip white space at line ends"
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk()] == [[]] * len(list(message.walk()))
    return message


def build(
    built: MessageTemplate, context: Mapping[str, object] | None = None, head: MessageHead = HEAD
) -> EmailMessage:
    return parse(built.render(context or {}, head).data)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def test_a_message_has_its_headers_once_and_two_alternatives() -> None:
    message = build(template(["<p>Hi ", Value("name"), "</p>"], ["Hi ", Value("name")]), {"name": "Ann"})
    assert message["From"] == "Acme <news@acme.example>"
    assert message["To"] == "Ann <ann@example.com>"
    assert message["Subject"] == "Hello"
    assert message["Date"] == "Sun, 01 Mar 2026 12:30:05 +0000"
    assert message["Message-ID"] == "<m1@news.example>"
    assert message["MIME-Version"] == "1.0"
    assert len({name.lower() for name in message}) == len(message.keys())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]  # type: ignore[attr-defined]
    assert body(message, "html") == "<p>Hi Ann</p>\n"
    assert body(message, "plain") == "Hi Ann\n"


def test_the_date_is_written_in_utc() -> None:
    head = MessageHead("a@example.com", "", "m@x.example", NOW.astimezone(timezone(timedelta(hours=5))))
    assert build(template(), head=head)["Date"] == "Sun, 01 Mar 2026 12:30:05 +0000"


def test_the_same_node_is_rendered_once_a_part() -> None:
    node = Value("url")
    built = template([node, "/1 ", node, "/2"], [node, "/1"])
    assert (
        body(build(built, {"url": "https://t.example/c/x"}), "html")
        == "https://t.example/c/x/1 https://t.example/c/x/2\n"
    )
    assert node.renders == 2


def test_boundaries_differ_between_templates_and_never_occur_in_the_body() -> None:
    first, second = build(template(), {}), build(template(), {})
    assert first.get_boundary() != second.get_boundary()
    boundary = str(first.get_boundary())
    hostile = build(template([f"--{boundary}--\r\n", Value("x")]), {"x": f"\r\n--{boundary}\r\n"})
    assert f"--{boundary}" in body(hostile, "html")


# --- bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        ".\r\n.",
        "a\n.\nb",
        "=",
        "=3D",
        "a=b",
        "x" * 75,
        "x" * 76,
        "x" * 77,
        "." * 200,
        "x" * 75 + "." * 80,
        "é" * 40,
        "x" * 74 + "é",
        "x" * 73 + "é",
        "x" * 72 + "é",
        "trailing \t",
        "a \nb\t\n c ",
        "\n",
        "\n\n",
        "😀" * 30,
        "From here",
        "\ttab",
        "a\x0bb\x0cc",
        "\u2028",
        "--boundary",
        "x" * 2000,
    ],
)
@pytest.mark.parametrize("around", [("", ""), ("a", "b"), ("a\n", "\nb"), (". ", " ."), ("a ", "\n"), ("", ".")])
def test_any_value_arrives_in_any_surroundings(value: str, around: tuple[str, str]) -> None:
    before, after = around
    message = build(template([before, Value("x"), after], [Value("x")]), {"x": value})
    assert body(message, "html") in ended(before + value + after)
    assert body(message, "plain") in ended(value)


def ended(text: str) -> tuple[str, str]:
    """What the parser may read: one kind of line break, and perhaps one more at the end."""
    text = re.sub("\r\n|\r", "\n", text)
    return text, f"{text}\n"


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(".=\r\n \t-é😀"), max_size=200)
parts = st.lists(st.tuples(texts, st.sampled_from("abc")), max_size=5)


@settings(max_examples=80, deadline=None)
@given(parts, parts, st.fixed_dictionaries({"a": texts, "b": texts, "c": texts}))
def test_whatever_is_put_in_comes_out(
    html: list[tuple[str, str]], text: list[tuple[str, str]], context: dict[str, str]
) -> None:
    nodes = {key: Value(key) for key in "abc"}

    def laid_out(pieces: list[tuple[str, str]]) -> list[str | Value]:
        return [item for static, key in pieces for item in (static, nodes[key])]

    def expected(pieces: list[tuple[str, str]]) -> tuple[str, str]:
        # Each static text and each value is encoded by itself, so a CR at its end is a line break of its own.
        return ended("".join(ended(static)[0] + ended(context[key])[0] for static, key in pieces))

    data = template(laid_out(html), laid_out(text)).render(context, HEAD).data
    assert max(len(line) for line in data.split(b"\r\n")) <= 76
    message = parse(data)
    assert body(message, "html") in expected(html)
    assert body(message, "plain") in expected(text)


def test_the_body_is_ascii() -> None:
    data = template(["<p>Grüße ", Value("x")]).render({"x": "Łódź"}, HEAD).data
    assert data.isascii()


# --- failures ---------------------------------------------------------------------------------------------------


class Failing:
    def render(self, context: Mapping[str, object]) -> str:
        raise ValueError("line 3, column 7: divided by 0")


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_a_node_that_fails_is_reported_with_its_part_and_place(part: str) -> None:
    pieces: dict[str, list[str | Value]] = {"subject": ["Hi"], "html": ["<p>", Value("x")], "text": ["t", Value("x")]}
    pieces[part].append(Failing())  # type: ignore[arg-type]
    built = template(pieces["html"], pieces["text"], subject=pieces["subject"])
    with pytest.raises(RenderFailed, match=f"^{part}: line 3, column 7: divided by 0$") as failure:
        built.render({"x": "1"}, HEAD)
    assert failure.value.part == part


def test_a_failed_render_leaves_the_template_usable() -> None:
    built = template(["<p>", Value("x")])
    with pytest.raises(RenderFailed):
        built.render({}, HEAD)
    assert body(build(built, {"x": "1"}), "html") == "<p>1\n"


@pytest.mark.parametrize(
    "address", ["", "ann", "a@b\r\nBcc: c@d.example", "a b@example.com", "<a@example.com>", "a@b@c.example"]
)
def test_a_recipient_that_is_no_address_fails_this_message_alone(address: str) -> None:
    with pytest.raises(RenderFailed) as failure:
        template().render({}, MessageHead(address, "", "m@x.example", NOW))
    assert failure.value.part == "headers"


# --- attachments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filename", ["terms.pdf", "Rechnung März.pdf", 'a"b.pdf', "x" * 120 + ".pdf", "领收书.pdf"])
def test_attachments_follow_the_alternatives(filename: str) -> None:
    data = bytes(range(256)) * 5
    message = build(template(attachments=[Attachment(filename, "application/pdf", data)]))
    assert message.get_content_type() == "multipart/mixed"
    assert body(message, "html") == "<p>Hi</p>\n"
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == filename
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_payload(decode=True) == data


def test_a_file_name_cannot_carry_a_path_or_a_header() -> None:
    message = build(template(attachments=[Attachment("../x\r\nBcc: a@b.example", "text/csv", b"")]))
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == ".._x_Bcc: a@b.example"


@pytest.mark.parametrize("content_type", ["multipart/mixed", "message/rfc822", "pdf", "a/b\r\nX: y", "text/html; x=y"])
def test_odd_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(HeaderInvalid):
        template(attachments=[Attachment("x", content_type, b"")])
