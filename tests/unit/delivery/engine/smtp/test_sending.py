"""Messages that go well: order, content, pipelining, reuse of connections."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.sink import Rule, Sink
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool

StartSink = Callable[..., Sink]
Message = Callable[..., SmtpMessage]
Send = Callable[..., list[Outcome]]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("connections", [1, 4])
def test_every_message_of_a_window_is_accepted_once(
    start_sink: StartSink, send: Send, message: Message, pipelining: bool, connections: int
) -> None:
    sink = start_sink(pipelining=pipelining)
    outcomes = send(sink, [message(n) for n in range(60)], connections=connections)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED] * 60
    assert (outcomes[0].code, outcomes[0].enhanced, outcomes[0].reply) == (250, "2.0.0", "2.0.0 OK queued")
    assert sorted(sink.accepted()) == sorted((f"user{n}@example.com", f"<{n}@example.com>") for n in range(60))


@pytest.mark.parametrize("pipelining", [True, False])
def test_content_arrives_byte_for_byte(start_sink: StartSink, send: Send, message: Message, pipelining: bool) -> None:
    bodies = [
        b".\r\n..\r\n.end\r\n",
        b"",
        b"\r\n.\r\n\r\n",
        b"x" * 998 + b"\r\n",
        b"a\r\n.b\r\n" * 4000,
        b".\r\n" * 9000,
    ]
    sink = start_sink(pipelining=pipelining)
    stuffed = [message(n, body=_stuff(body)) for n, body in enumerate(bodies)]
    assert {outcome.kind for outcome in send(sink, stuffed, connections=1)} == {Kind.ACCEPTED}
    received = {stored.recipients[0]: stored.content for stored in sink.messages()}
    plain = {made.recipient: made.data for made in (message(n, body=body) for n, body in enumerate(bodies))}
    assert received == plain


def _stuff(body: bytes) -> bytes:
    return b"".join(b"." + line if line.startswith(b".") else line for line in body.splitlines(keepends=True))


def test_large_messages_pass_whole(start_sink: StartSink, send: Send, message: Message) -> None:
    body = random.Random(3).randbytes(6_000_000).hex().encode()
    lines = b"".join(body[at : at + 76] + b"\r\n" for at in range(0, len(body), 76))
    sink = start_sink()
    outcomes = send(sink, [message(n, body=lines) for n in range(3)], connections=2)
    assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
    assert all(stored.content.endswith(lines) for stored in sink.messages())


def test_many_windows_at_once_send_each_message_exactly_once(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink()

    async def main() -> list[list[Outcome]]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=8)
        windows = [[message(n) for n in range(at, at + 50)] for at in range(0, 1000, 50)]
        try:
            return await asyncio.gather(*map(pool.send_window, windows))
        finally:
            await pool.close()

    windows = run(main())
    assert [len(outcomes) for outcomes in windows] == [50] * 20
    assert {outcome.kind for outcomes in windows for outcome in outcomes} == {Kind.ACCEPTED}
    assert sorted(address for address, _ in sink.accepted()) == sorted(f"user{n}@example.com" for n in range(1000))


def test_the_next_envelope_rides_with_the_final_dot_and_content_waits_for_its_354(
    run: Any, scripted: Any, message: Message
) -> None:
    chunks: list[bytes] = []

    async def dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def step(reply: bytes) -> None:
            writer.write(reply)
            chunks.append(await reader.read(65536))

        await step(b"220 hi\r\n")
        await step(b"250-x\r\n250 PIPELINING\r\n")
        await asyncio.sleep(0.1)  # content that did not wait for its 354 would have arrived by now
        await step(b"250 ok\r\n250 ok\r\n354 go\r\n")
        await step(b"250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        await step(b"250 queued\r\n")

    async def main() -> list[Outcome]:
        async with scripted(dialogue) as port:
            pool = SmtpPool(Endpoint("127.0.0.1", port), max_connections=1)
            outcomes = await pool.send_window([message(1), message(2)])
            await pool.close()
            return outcomes

    outcomes = run(main())
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED] * 2
    opened = [b"MAIL FROM:<b+%d@bounce.example>\r\nRCPT TO:<user%d@example.com>\r\nDATA\r\n" % (n, n) for n in (1, 2)]
    assert chunks[1:4] == [opened[0], message(1).data + b".\r\n" + opened[1], message(2).data + b".\r\n"]


def test_sessions_are_reused_over_windows_and_end_with_quit(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink()

    async def main() -> None:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=4)
        for number in range(5):
            assert (await pool.send_window([message(number)]))[0].kind is Kind.ACCEPTED
        assert pool.connections == 1
        await pool.close()

    run(main())
    stats = sink.stats()
    assert (stats["messages"], stats["connections"], stats["quits"]) == (5, 1, 1)


def test_a_near_server_gets_few_connections(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink()

    async def main() -> int:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=100)
        await pool.send_window([message(0)])
        pool._latency.value = 0.0002  # what an idle machine measures: this one may be busy
        outcomes = await pool.send_window([message(n) for n in range(4)])
        assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
        opened = pool.connections
        await pool.close()
        return opened

    assert run(main()) <= 4


def test_a_far_server_gets_everything_in_flight_at_once(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink(latency_ms=50.0)

    async def main() -> float:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=40)
        await pool.send_window([message(n) for n in range(80)])
        began = time.monotonic()
        outcomes = await pool.send_window([message(n) for n in range(80, 160)])
        took = time.monotonic() - began
        assert {outcome.kind for outcome in outcomes} == {Kind.ACCEPTED}
        assert pool.connections >= 30
        await pool.close()
        return took

    # one connection would need 80 round trips of 50 ms: 4 s
    assert run(main()) < 2.0


def test_a_server_that_closed_idle_sessions_costs_no_message(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink()

    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=2)
        first = await pool.send_window([message(n) for n in range(10)])
        await asyncio.to_thread(sink.drop)
        second = await pool.send_window([message(n) for n in range(10, 20)])
        await pool.close()
        return first + second

    assert {outcome.kind for outcome in run(main())} == {Kind.ACCEPTED}
    assert len(sink.accepted()) == len(set(sink.accepted())) == 20


def test_idle_sessions_are_closed_after_their_time(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any, quick: Any
) -> None:
    sink = start_sink()

    async def main() -> None:
        pool = SmtpPool(endpoint(sink, replace(quick, idle=0.1, quit=5)), max_connections=2)
        await pool.send_window([message(1)])
        async with asyncio.timeout(10):
            while pool.connections:
                await asyncio.sleep(0.02)
        await pool.close()

    run(main())
    assert sink.stats()["quits"] == 1


def test_a_cancelled_window_sends_nothing_that_waits(start_sink: StartSink, run: Any, message: Message) -> None:
    sink = start_sink(Rule("RCPT", action="delay", delay_ms=150))

    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=1)
        task = asyncio.create_task(pool.send_window([message(n) for n in range(50)]))
        async with asyncio.timeout(10):
            while not pool.connections:
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        outcomes = await pool.send_window([message(100)])
        await pool.close()
        return outcomes

    assert run(main())[0].kind is Kind.ACCEPTED
    accepted = [address for address, _ in sink.accepted()]
    assert "user100@example.com" in accepted
    assert len(accepted) <= 3


def test_closing_lets_what_is_under_way_finish_and_ends_what_waits(
    start_sink: StartSink, run: Any, message: Message
) -> None:
    sink = start_sink(Rule("DOT", action="delay", delay_ms=100))

    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", sink.port), max_connections=1)
        task = asyncio.create_task(pool.send_window([message(n) for n in range(20)]))
        async with asyncio.timeout(10):
            while not pool.connections:
                await asyncio.sleep(0.005)
        await pool.close()
        after = await pool.send_window([message(99)])
        return await task + after

    outcomes = run(main())
    kinds = [outcome.kind for outcome in outcomes]
    accepted = kinds.count(Kind.ACCEPTED)
    assert 1 <= accepted <= 3
    assert kinds.count(Kind.NOT_ATTEMPTED) == 21 - accepted
    assert sink.stats()["messages"] == accepted


def test_an_empty_window_needs_no_server(run: Any) -> None:
    async def main() -> list[Outcome]:
        pool = SmtpPool(Endpoint("127.0.0.1", 1), max_connections=1)
        return await pool.send_window([])

    assert run(main()) == []
