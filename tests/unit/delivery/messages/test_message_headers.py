"""No header that a sender may set changes who wrote, who gets it, how it is signed, or where bounces go."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.headers import HeaderInvalid
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate
from delivery.engine.mime import Attachment
from delivery.messages import files, headers

OWN = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type"}
NAMES = st.one_of(
    st.sampled_from(["X-Note", "X-Order", "References", "In-Reply-To", "List-Help", "From", "Bcc", "DKIM-Signature"]),
    st.text(max_size=20),
    st.text("XxFfRrOoMm-:\r\n ", max_size=12),
)
VALUES = st.one_of(st.text(max_size=80), st.text("a:\r\n \t\0<>@", max_size=30))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_what_passes_adds_headers_of_its_own_name_and_nothing_else(given_headers: list[tuple[str, str]]) -> None:
    try:
        found = headers.check(given_headers)
    except HeaderInvalid:
        return
    template = MessageTemplate(["Hi"], ["<p>Hi</p>"], ["Hi"], Mailbox("shop@shop.example"), [])
    head = MessageHead("ada@example.com", "", "m1@shop.example", datetime(2026, 1, 1, tzinfo=UTC), tuple(found))
    arrived = email.message_from_bytes(template.render({}, head).data, policy=email.policy.compat32)
    names = [name.lower() for name in arrived.keys()]  # noqa: SIM118
    assert sorted(names) == sorted([*OWN, *(name.lower() for name, _ in found)])
    assert arrived["From"] == "shop@shop.example"
    assert arrived["To"] == "ada@example.com"
    assert not {"bcc", "dkim-signature", "return-path", "sender"} & set(names)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["X-A"] * 2, "twice"),
        ([f"X-{number}" for number in range(31)], "at most 30"),
        (["Sender"], "not a header that may be set"),
        (["X-MassMailer-Stream"], "not a header that may be set"),
        (["X-SMTPAPI"], "not a header that may be set"),
        (["X-MC-BccAddress"], "not a header that may be set"),
    ],
)
def test_refusals_say_why(names: list[str], words: str) -> None:
    with pytest.raises(HeaderInvalid, match=words):
        headers.check([(name, "a") for name in names])


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Attachment("setup.EXE", "application/octet-stream", b""), "refused by mailbox providers"),
        (Attachment("a\r\nb", "text/plain", b""), "one line"),
        (Attachment("a.txt", "multipart/mixed", b""), "not allowed"),
        (Attachment("a.txt", "text/plain\r\nX: y", b""), "not allowed"),
        (Attachment("a.png", "image/png", b"", "a>\r\nX: y"), "content id"),
        (Attachment("a.pdf", "application/pdf", b"", "a"), "is an image"),
        (Attachment("a.bin", "application/octet-stream", bytes(files.MAX_FILE_BYTES + 1)), "larger than 10 MB"),
    ],
)
def test_files_that_cannot_go_out_are_named(one: Attachment, words: str) -> None:
    with pytest.raises(files.FileRefused, match=words) as refused:
        files.check([Attachment("fine.txt", "text/plain", b"fine"), one])
    assert refused.value.index == 1


def test_files_together_have_a_limit() -> None:
    nine = Attachment("a.bin", "application/octet-stream", bytes(9 * 1024 * 1024))
    with pytest.raises(files.FileRefused, match="together"):
        files.check([nine, nine])
