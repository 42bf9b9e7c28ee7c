"""What letters become on the wire, where the relay takes several messages at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bench.sink import Options, Sink
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate
from delivery.engine.outcome import Kind
from delivery.engine.smtp import Endpoint, SmtpPool
from delivery.letters import Letter
from delivery.messages.raw import RawTemplate
from delivery.smtp_channel import SmtpChannel

SENDER = Mailbox("shop@shop.example")
# whatever stands here begins a line with a dot
DOTS = "Hi\r\n.\r\n..\r\n.hidden\r\n"
RAW = RawTemplate(f"From: Shop <shop@shop.example>\r\nSubject: Raw\r\n\r\n{DOTS}".encode(), SENDER, None)
BUILT = MessageTemplate(["Built"], [], [DOTS], SENDER, ())


def letter(template: MessageTemplate, number: int) -> Letter:
    head = MessageHead(f"lead{number}@example.com", "", f"{number}@shop.example", datetime(2026, 1, 1, tzinfo=UTC))
    return Letter(template, {}, head, "b@shop.example", "", deadline=float("inf"))


def test_dots_arrive_as_they_were_written_one_by_one_and_in_flights() -> None:
    letters = [letter(RAW if number % 3 == 0 else BUILT, number) for number in range(60)]
    with Sink(Options(keep_content=True, chunking=True)) as sink:

        async def send() -> list[Kind]:
            channel = SmtpChannel(SmtpPool(Endpoint.from_url(sink.url), max_connections=1))
            outcomes = [outcome for start in range(0, 60, 20) for outcome in await channel.send(letters[start:][:20])]
            await channel.close()
            return [outcome.kind for outcome in outcomes]

        assert asyncio.run(send()) == [Kind.ACCEPTED] * 60
        raw = [one.content for one in sink.messages() if b"Subject: Raw" in one.content]
        built = [one.content for one in sink.messages() if b"Subject: Built" in one.content]
        chunks = sink.stats()["chunks"]
    assert len(raw) == 20
    assert all(content.endswith(DOTS.encode()) for content in raw)
    assert len(built) == 40
    assert all(b"\r\n=2E\r\n" in content for content in built)
    # built messages flew, but for some at the beginning; raw ones, which have a second dot, never do
    assert 20 <= chunks <= 40
