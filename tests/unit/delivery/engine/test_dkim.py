"""What we sign, another implementation verifies; what is changed on the way, it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.engine import dkim_keys
from delivery.engine.dkim import OVERSIGNED, DkimSigner
from delivery.engine.message import Attachment, Mailbox, MessageHead, MessageTemplate
from tests.dkim_verifier import Verifier

DOMAIN = "acme.example"
RSA, ED25519 = dkim_keys.new_rsa_key(), dkim_keys.new_ed25519_key()
verdicts = Verifier({("mm1", DOMAIN): RSA, ("mm1e", DOMAIN): ED25519}).verdicts
SIGNER = DkimSigner(DOMAIN, [dkim_keys.load_key("mm1", RSA), dkim_keys.load_key("mm1e", ED25519)])
SENDER = Mailbox("news@acme.example", "Acme")
NOW = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
CAMPAIGN_HEADERS = (
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ("List-Id", "<list-1.acme.example>"),
    ("Feedback-ID", "c1:list-1:bulk:massmailer"),
    ("Reply-To", "help@acme.example"),
    ("X-Plain", "not signed"),
)
UNSUBSCRIBE = ("List-Unsubscribe", "<https://t.example/u/abc>, <mailto:unsubscribe@b.example?subject=abc>")

text = st.text(max_size=200)
ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


class Value:
    def __init__(self, key: str) -> None:
        self.key = key

    def render(self, context: Mapping[str, object]) -> str:
        return str(context[self.key])


def built(
    html: Sequence[str | Value] = ("<p>Dear ", Value("name"), "</p>", "<p>long</p>\n" * 40),
    subject: Sequence[str | Value] = ("News for ", Value("name")),
    static: Sequence[tuple[str, str]] = CAMPAIGN_HEADERS,
    attachments: Sequence[Attachment] = (),
    sender: Mailbox = SENDER,
) -> MessageTemplate:
    return MessageTemplate(subject, html, ("Dear ", Value("name")), sender, static, attachments, signer=SIGNER)


TEMPLATE = built()


def rendered(
    template: MessageTemplate = TEMPLATE, name: str = "Ann", headers: Sequence[tuple[str, str]] = (UNSUBSCRIBE,)
) -> bytes:
    head = MessageHead("ann@example.com", name, "m1@acme.example", NOW, headers)
    return template.render({"name": name}, head).data


def test_both_signatures_of_a_campaign_message_verify() -> None:
    assert verdicts(rendered()) == [True, True]


@given(name=text, subject=text, other=ascii_text)
@settings(max_examples=1500, deadline=None)
def test_whatever_differs_between_messages_the_signatures_verify(name: str, subject: str, other: str) -> None:
    template = MessageTemplate(
        (Value("subject"),), ("<p>", Value("name"), "</p>"), (Value("name"),), Mailbox("a@acme.example"),
        CAMPAIGN_HEADERS, signer=SIGNER,
    )  # fmt: skip
    head = MessageHead("ann@example.com", name, "m1@acme.example", NOW, (UNSUBSCRIBE, ("X-Other", other)))
    assert verdicts(template.render({"name": name, "subject": subject}, head).data) == [True, True]


@given(html=text, subject=text, sender=text, content=st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_whatever_is_the_same_for_all_the_signatures_verify(
    html: str, subject: str, sender: str, content: bytes
) -> None:
    files = (Attachment("a.bin", "application/octet-stream", content),) if content else ()
    template = built((html,), (subject,), attachments=files, sender=Mailbox("news@acme.example", sender))
    assert verdicts(rendered(template)) == [True, True]


@given(st.lists(st.lists(st.sampled_from(["X-A", "List-Id", "Reply-To", "Feedback-ID"]), max_size=5), max_size=5))
@settings(max_examples=60, deadline=None)
def test_messages_of_one_template_may_carry_different_headers(lists: list[list[str]]) -> None:
    """The same name several times too: a verifier takes such lines from the last one up."""
    for names in lists:
        headers = [(name, f"value {number}") for number, name in enumerate(names)]
        assert verdicts(rendered(headers=headers)) == [True, True]


def test_every_line_is_short_and_no_message_is_changed_by_its_signature() -> None:
    signed = rendered()
    signature, rest = signed[: signed.index(b"\r\nFrom: ") + 2], signed[signed.index(b"\r\nFrom: ") + 2 :]
    assert all(len(line) <= 78 for line in signature.split(b"\r\n"))
    assert rest.startswith(b"From: Acme <news@acme.example>\r\n")
    assert signature.count(b"DKIM-Signature: ") == 2


@pytest.mark.parametrize("name", OVERSIGNED)
def test_an_added_header_breaks_the_signatures(name: str) -> None:
    for headers in ((UNSUBSCRIBE,), ()):
        signed = rendered(headers=headers)
        above = f"{name.title()}: somebody@else.example\r\n".encode() + signed
        below = signed.replace(b"MIME-Version", f"{name.title()}: somebody@else.example\r\nMIME-Version".encode(), 1)
        assert verdicts(above) == verdicts(below) == [False, False]


@pytest.mark.parametrize(
    "name",
    [
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-Unsubscribe",
        "List-Unsubscribe-Post", "List-Id", "Feedback-ID",
    ],
)  # fmt: skip
@pytest.mark.parametrize("change", [lambda line: b"", lambda line: line.replace(b": ", b": x")])
def test_a_header_that_is_changed_or_removed_breaks_the_signatures(name: str, change: Callable[[bytes], bytes]) -> None:
    signed = rendered()
    found = re.search(rf"^{name}: .*\r\n(?:[ \t].*\r\n)*".encode(), signed, re.MULTILINE)
    assert found
    assert verdicts(signed.replace(found[0], change(found[0]), 1)) == [False, False]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_one_changed_byte_of_the_body_breaks_the_signatures(data: st.DataObject) -> None:
    signed = rendered()
    place = data.draw(st.integers(signed.index(b"\r\n\r\n") + 4, len(signed) - 1))
    changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    assert verdicts(changed) == [False, False]


def test_relays_may_fold_anew_and_change_the_case_of_names() -> None:
    signed = rendered()
    assert verdicts(signed.replace(b"Feedback-ID: c1", b"FEEDBACK-ID:\r\n\t  c1")) == [True, True]


def test_a_signature_of_another_key_is_refused() -> None:
    other = DkimSigner(DOMAIN, [dkim_keys.load_key("mm1", dkim_keys.new_rsa_key())])
    template = MessageTemplate(("Hi",), ("<p>Hi</p>",), ("Hi",), Mailbox("a@acme.example"), (), signer=other)
    assert verdicts(rendered(template)) == [False]


# --- keys and records -----------------------------------------------------------------------------------------------
def test_the_record_fits_the_strings_of_a_zone_file() -> None:
    quoted = dkim_keys.quoted_strings(dkim_keys.record_value(RSA))
    strings = re.findall(r'"([^"]*)"', quoted)
    assert len(strings) == 2
    assert all(len(string) <= 255 for string in strings)
    assert "".join(strings) == dkim_keys.record_value(RSA)


def test_a_records_tags_are_read_whatever_white_space_stands_between() -> None:
    assert dkim_keys.record_tags("v=DKIM1 ; k=rsa;\tp=MII Bxy== ;") == {"v": "DKIM1", "k": "rsa", "p": "MIIBxy=="}


@pytest.mark.parametrize("pem", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told(pem: str) -> None:
    with pytest.raises(dkim_keys.KeyUnusable):
        dkim_keys.load_key("mm1", pem)
