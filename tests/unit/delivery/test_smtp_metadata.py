"""The token that an ESP behind a relay is given, so that its webhook can name the e-mail."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import pytest

from delivery.engine.headers import Mailbox
from delivery.engine.message import MessageHead, MessageTemplate
from delivery.engine.outcome import Kind, Outcome
from delivery.esp.smtp_metadata import HEADERS, metadata_writer
from delivery.letters import Letter
from delivery.smtp_channel import SmtpChannel

TOKEN = "abcdefghij" * 5


class Pool:
    """Takes everything."""

    def __init__(self) -> None:
        self.raw = b""

    async def send_window(self, messages: Any) -> list[Outcome]:
        self.raw = b"".join((messages[0].data, *messages[0].more))
        return [Outcome(Kind.ACCEPTED)] * len(messages)


def sent_by(channel: SmtpChannel, pool: Pool) -> Any:
    template = MessageTemplate(
        subject_parts=("Spring",),
        html_parts=("<p>Hi</p>",),
        text_parts=("Hi",),
        sender=Mailbox("news@sender.example"),
        static_headers=(),
    )
    head = MessageHead(
        to_address="ada@example.com", to_name="", message_id="1@sender.example", date=datetime.now(UTC), headers=()
    )
    letter = Letter(template, {}, head, "b+x@bounces.example", TOKEN, float("inf"))
    asyncio.run(channel.send([letter]))
    return message_from_bytes(pool.raw)


@pytest.mark.parametrize("esp", HEADERS)
def test_each_esp_gets_the_token_in_its_own_header(esp: str) -> None:
    pool = Pool()
    channel = SmtpChannel(pool, metadata_writer({"password": "x", f"webhook:{esp}": "key"}, "webhook:"))  # type: ignore[arg-type]
    value = sent_by(channel, pool)[HEADERS[esp][0]]
    told = value if esp == "postmark" else json.loads(value)
    if esp in ("sparkpost", "sendgrid"):
        told = told["metadata" if esp == "sparkpost" else "unique_args"]
    assert (told if esp == "postmark" else told["token"]) == TOKEN


def test_a_relay_without_a_webhook_tells_nothing() -> None:
    assert metadata_writer({"password": "x"}, "webhook:") is None
    assert metadata_writer({"webhook:ses": "x"}, "webhook:") is None
    pool = Pool()
    assert not [name for name, _ in HEADERS.values() if name in sent_by(SmtpChannel(pool), pool)]  # type: ignore[arg-type]
