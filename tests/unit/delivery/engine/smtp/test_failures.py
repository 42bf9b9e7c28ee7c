"""What goes wrong, and the outcome it must have: positive proof of non-acceptance, or unknown."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.sink import Rule, Sink
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool
from delivery.engine.smtp.clock import boottime

StartSink = Callable[..., Sink]
Message = Callable[..., SmtpMessage]
Send = Callable[..., list[Outcome]]

LOOPS = ("uvloop",)

CLOSED_AT = [
    ("CONNECT", Kind.NOT_ATTEMPTED),
    ("EHLO", Kind.NOT_ATTEMPTED),
    ("MAIL", Kind.TRANSIENT),
    ("RCPT", Kind.TRANSIENT),
    ("DATA", Kind.TRANSIENT),
    ("MIDDATA", Kind.UNKNOWN),
    ("DOT", Kind.UNKNOWN),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("stage", "kind"), CLOSED_AT)
def test_a_connection_closed_at_any_step(
    start_sink: StartSink, send: Send, message: Message, stage: str, kind: Kind, pipelining: bool
) -> None:
    sink = start_sink(Rule(stage, action="close"), pipelining=pipelining)
    [outcome] = send(sink, [message(1)], connections=1)
    assert outcome.kind is kind
    assert outcome.reply
    assert outcome.code is None


@pytest.mark.parametrize(("stage", "kind"), CLOSED_AT)
def test_a_server_that_falls_silent_at_any_step(
    start_sink: StartSink, send: Send, message: Message, quick: Any, stage: str, kind: Kind
) -> None:
    sink = start_sink(Rule(stage, action="stall"))
    began = time.monotonic()
    [outcome] = send(sink, [message(1)], connections=1, timeouts=quick)
    assert outcome.kind is kind
    assert "within 0.5 s" in outcome.reply
    assert time.monotonic() - began < 10


def test_a_stall_after_the_dot_is_unknown_and_its_companion_goes_another_way(
    start_sink: StartSink, send: Send, message: Message, quick: Any
) -> None:
    sink = start_sink(Rule("DOT", "user0@*", action="stall"))
    outcomes = send(sink, [message(n) for n in range(10)], connections=1, timeouts=quick)
    assert [outcome.kind for outcome in outcomes] == [Kind.UNKNOWN] + [Kind.ACCEPTED] * 9
    assert len(sink.accepted()) == len(set(sink.accepted())) == 10


REFUSALS = [
    ("MAIL", "550 5.7.1 [BL21] not you", Kind.BLOCK, "yahoo-block"),
    # the server has not heard of the recipient yet: nothing that it says can be about that address
    ("MAIL", "550 5.1.1 No such user", Kind.UNDETERMINED, "undetermined"),
    ("RCPT", "550 5.1.1 No such user", Kind.HARD, "no-such-user"),
    ("RCPT", "452 4.2.2 mailbox full", Kind.SOFT, "quota"),
    ("RCPT", "450 4.2.0 Greylisted", Kind.TRANSIENT, "greylisted"),
    ("DATA", "451 4.3.0 not now", Kind.TRANSIENT, "temporary"),
    ("DOT", "552 5.3.4 message too big", Kind.CONTENT, "too-large"),
    ("DOT", "554 5.6.0 no", Kind.UNDETERMINED, "undetermined"),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("stage", "text", "kind", "rule"), REFUSALS)
def test_a_refusal_is_classified_and_the_session_goes_on(
    start_sink: StartSink, send: Send, message: Message, stage: str, text: str, kind: Kind, rule: str, pipelining: bool
) -> None:
    sink = start_sink(Rule(stage, text=text, every=2), pipelining=pipelining)
    outcomes = send(sink, [message(n) for n in range(6)], connections=1)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, kind] * 3
    refused = outcomes[1]
    code, enhanced, _ = text.split(" ", 2)
    assert (refused.code, refused.enhanced, refused.reply, refused.rule) == (int(code), enhanced, text[4:], rule)
    assert sink.stats()["connections"] == 1


def test_a_server_that_asks_for_the_content_of_a_refused_recipient_gets_none(
    run: Any, scripted: Any, message: Message
) -> None:
    received = bytearray()

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n550 5.1.1 no such user\r\n354 go\r\n")
        received.extend(await reader.readuntil(b".\r\n"))
        writer.write(b"554 5.5.1 no valid recipients\r\n")
        received.extend(await reader.readline())
        writer.write(b"221 bye\r\n")

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(Endpoint("127.0.0.1", port), max_connections=1)
            outcomes = await pool.send_window([message(1)])
            while len(pool._idle) < 1:  # the answer to the lone dot is still to come
                await asyncio.sleep(0.01)
            await pool.close()
            return outcomes

    [outcome] = run(main())
    assert (outcome.kind, outcome.code) == (Kind.HARD, 550)
    assert bytes(received) == b".\r\nQUIT\r\n"


def test_a_421_in_mid_window_fails_only_its_own_message(start_sink: StartSink, send: Send, message: Message) -> None:
    rules = [Rule("DOT", "user20@*", text="421 4.7.0 slow down"), Rule("RCPT", "user30@*", text="421 4.3.2 closing")]
    sink = start_sink(*rules)
    outcomes = send(sink, [message(n) for n in range(50)], connections=2)
    kinds = {n: outcome.kind for n, outcome in enumerate(outcomes) if outcome.kind is not Kind.ACCEPTED}
    assert kinds == {20: Kind.THROTTLE, 30: Kind.THROTTLE}
    assert outcomes[20].code == 421
    assert sink.stats()["messages"] == 48


def test_a_server_that_counts_messages_per_session_costs_nothing(
    start_sink: StartSink, send: Send, message: Message
) -> None:
    sink = start_sink(Rule("MAIL", text="421 4.7.0 too many messages in this session", every=10))
    outcomes = send(sink, [message(n) for n in range(50)], connections=1)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert sink.stats()["connections"] > 4


def test_a_message_is_moved_to_another_session_once_and_not_twice(
    start_sink: StartSink, send: Send, message: Message
) -> None:
    sink = start_sink(Rule("MAIL", "b+1@*", action="close"))
    outcomes = send(sink, [message(n) for n in range(4)], connections=1)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.TRANSIENT, Kind.ACCEPTED, Kind.ACCEPTED]
    assert sink.stats()["close_mail"] == 2


def test_nothing_that_listens_is_not_attempted_and_is_not_asked_again_at_once(run: Any, message: Message) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def main() -> tuple[list[Outcome], float]:
        pool = SmtpPool(Endpoint("127.0.0.1", port), max_connections=5)
        outcomes = await pool.send_window([message(n) for n in range(3)])
        pool._health._paused_until += 60
        began = time.monotonic()
        outcomes += await pool.send_window([message(4)])
        took = time.monotonic() - began
        await pool.close()
        return outcomes, took

    outcomes, took = run(main())
    assert {outcome.kind for outcome in outcomes} == {Kind.NOT_ATTEMPTED}
    assert f"Nothing listens on 127.0.0.1:{port}" in outcomes[0].reply
    assert took < 0.5


def test_a_server_that_comes_back_is_used_again(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink(Rule("CONNECT", action="close", times=2))

    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=1)
        outcomes = await pool.send_window([message(1)])
        await pool.close()
        return outcomes

    assert run(main())[0].kind is Kind.ACCEPTED
    assert sink.stats()["connections"] == 3


def test_a_server_that_refuses_more_connections_is_served_with_those_it_took(
    start_sink: StartSink, send: Send, message: Message
) -> None:
    sink = start_sink(Rule("CONNECT", text="421 4.7.0 too many connections", skip=2), latency_ms=20.0)
    outcomes = send(sink, [message(n) for n in range(30)], connections=10)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("421 4.7.0 come back later", Kind.THROTTLE),
        ("554 5.7.1 no such user: you are not welcome", Kind.NOT_ATTEMPTED),
        ("550 5.1.1 user unknown", Kind.NOT_ATTEMPTED),
    ],
)
def test_a_greeting_that_refuses_is_no_verdict_on_an_address(
    start_sink: StartSink, send: Send, message: Message, text: str, kind: Kind
) -> None:
    sink = start_sink(Rule("CONNECT", text=text))
    outcomes = send(sink, [message(n) for n in range(3)], connections=2)
    assert {(outcome.kind, outcome.code) for outcome in outcomes} == {(kind, int(text[:3]))}


def test_a_message_whose_time_is_over_is_never_sent(start_sink: StartSink, send: Send, message: Message) -> None:
    sink = start_sink()
    messages = [message(0), message(1, deadline=boottime() - 0.001), message(2, deadline=boottime() + 3600)]
    outcomes = send(sink, messages)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.NOT_ATTEMPTED, Kind.ACCEPTED]
    assert outcomes[1].rule == "late"
    assert "user1@example.com" not in dict(sink.accepted())


def test_a_message_whose_time_ends_while_the_server_thinks_is_not_sent(
    start_sink: StartSink, send: Send, message: Message
) -> None:
    sink = start_sink(Rule("DATA", "user0@*", action="delay", delay_ms=400))
    outcomes = send(sink, [message(0, deadline=boottime() + 0.2), message(1)], connections=1)
    assert [outcome.kind for outcome in outcomes] == [Kind.NOT_ATTEMPTED, Kind.ACCEPTED]
    assert list(dict(sink.accepted())) == ["user1@example.com"]


def test_waiting_messages_end_with_their_deadline_even_if_no_session_is_free(
    start_sink: StartSink, send: Send, message: Message
) -> None:
    sink = start_sink(Rule("DOT", "user0@*", action="delay", delay_ms=1500))
    deadline = boottime() + 0.3
    outcomes = send(sink, [message(0), *[message(n, deadline=deadline) for n in range(1, 5)]], connections=1)
    assert outcomes[0].kind is Kind.ACCEPTED
    assert {outcome.kind for outcome in outcomes[1:]} == {Kind.NOT_ATTEMPTED}


LOCAL = [
    ({"recipient": "a b@x.example"}, Kind.UNDETERMINED, "local-address"),
    ({"recipient": "a@x.example>\r\nRCPT TO:<b@x.example"}, Kind.UNDETERMINED, "local-address"),
    ({"recipient": "\ud800@x.example"}, Kind.UNDETERMINED, "local-address"),
    ({"sender": "a\nb@x.example"}, Kind.SENDER, "local-sender"),
    ({"body": b"no line end"}, Kind.CONTENT, "local-data"),
    ({"body": b"y" * 5000 + b"\r\n"}, Kind.CONTENT, "local-size"),
    ({"body": "grüß\r\n".encode()}, Kind.CONTENT, "local-8bitmime"),
    ({"recipient": "grüße@x.example"}, Kind.CONTENT, "local-smtputf8"),
]


@pytest.mark.parametrize(("made", "kind", "rule"), LOCAL)
def test_what_the_server_cannot_take_is_refused_before_a_byte_is_sent(
    start_sink: StartSink, send: Send, message: Message, made: dict[str, Any], kind: Kind, rule: str
) -> None:
    sink = start_sink(size_limit=4096, eight_bit=False, smtputf8=False)
    outcomes = send(sink, [message(0), message(1, **made), message(2)], connections=1)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, kind, Kind.ACCEPTED]
    assert (outcomes[1].rule, outcomes[1].code) == (rule, None)
    assert [address for address, _ in sink.accepted()] == ["user0@example.com", "user2@example.com"]


def test_international_mail_goes_where_it_is_offered(start_sink: StartSink, send: Send, message: Message) -> None:
    messages = [message(0, recipient="grüße@x.example"), message(1, body="grüß\r\n".encode())]
    sink = start_sink()
    assert {outcome.kind for outcome in send(sink, messages)} == {Kind.ACCEPTED}
    assert "grüße@x.example" in dict(sink.accepted())
    old = start_sink(smtputf8=False)
    assert send(old, [message(0, recipient="a@bücher.example")])[0].kind is Kind.ACCEPTED
    assert "a@xn--bcher-kva.example" in dict(old.accepted())


HOSTILE = [
    (b"garbage\r\n", Kind.TRANSIENT),
    (b"250 ok\r\n250 ok\r\nHTTP/1.1 400\r\n", Kind.TRANSIENT),
    (b"250-" + b"x" * 100_000, Kind.TRANSIENT),
    (b"250-more\r\n" * 5_000, Kind.TRANSIENT),
    (b"\n" * 50_000, Kind.TRANSIENT),
    (b"\x00\xff" * 9_000 + b"\r\n", Kind.TRANSIENT),
    (b"250-ok\r\n550 no such user\r\n", Kind.TRANSIENT),
    (b"250 ok\r\n250 ok\r\n250 ok\r\n", Kind.TRANSIENT),
    (b"354 go\r\n", Kind.TRANSIENT),
    (b"250 ok\r\n250 ok\r\n354 go\r\n250 queued before it was sent\r\n", Kind.TRANSIENT),
    (b"250 ok\n250 ok\n354 go\n", Kind.UNKNOWN),
]


@pytest.mark.parametrize(("answer", "kind"), HOSTILE)
def test_a_hostile_server_costs_a_session_and_nothing_more(
    run: Any, scripted: Any, message: Message, answer: bytes, kind: Kind, quick: Any
) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(answer)
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"bare words\n")
        await reader.read()

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(
                Endpoint("127.0.0.1", port, timeouts=replace(quick, mail=5, rcpt=5, data=5)), max_connections=1
            )
            outcomes = await pool.send_window([message(1)])
            await pool.close()
            return outcomes

    [outcome] = run(main())
    assert outcome.kind is kind


def test_content_that_the_server_stops_reading_is_possibly_sent(
    run: Any, scripted: Any, message: Message, quick: Any
) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n250 ok\r\n354 go\r\n")
        await asyncio.sleep(3)

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(Endpoint("127.0.0.1", port, timeouts=quick), max_connections=1)
            big = message(0, body=b"y" * 30_000_000 + b"\r\n")
            outcomes = await pool.send_window([big, message(1)])
            await pool.close()
            return outcomes

    first, second = run(main())
    assert first.kind is Kind.UNKNOWN
    assert second.kind in (Kind.TRANSIENT, Kind.NOT_ATTEMPTED, Kind.UNKNOWN)


@pytest.mark.parametrize("greeting", [b"x" * 200_000, b"220 hi\r\n" * 1000, b"nonsense\r\n", b"220-a\r\n" * 2000])
def test_a_hostile_greeting_is_not_attempted(
    run: Any, scripted: Any, message: Message, greeting: bytes, quick: Any
) -> None:
    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(Endpoint("127.0.0.1", port, timeouts=quick), max_connections=2)
            outcomes = await pool.send_window([message(n) for n in range(2)])
            await pool.close()
            return outcomes

    assert {outcome.kind for outcome in run(main())} == {Kind.NOT_ATTEMPTED}
