"""Messages that leave together: each has the outcome that its own replies prove, wherever they are cut or end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import uvloop

from bench.sink import Rule, Sink
from delivery.engine.classify import BUILT_IN
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool
from delivery.engine.smtp.clock import boottime
from delivery.engine.smtp.envelope import Capabilities
from delivery.engine.smtp.flight import (
    CAREFUL_MESSAGES,
    GROUNDED_SECONDS,
    MOST_MESSAGES,
    REST_SECONDS,
    Grounds,
    Reach,
    usual_messages,
)
from delivery.engine.smtp.flying import FlyingConnection
from delivery.engine.smtp.replies import Reply
from delivery.engine.smtp.window import Job, Window
from tests.unit.delivery.engine.smtp.conftest import assert_each_tells_the_truth

StartSink = Callable[..., Sink]
Message = Callable[..., SmtpMessage]

LOOPS = ("uvloop",)
OK = ("250 2.0.0 ok", "250 2.1.0 ok", "250 2.1.5 ok", "250 2.0.0 queued")
CLOSE, BUSY, FULL, GONE = "", "451 4.3.0 later", "452 4.2.2 mailbox full", "550 5.1.1 no such user"
BYE, NO = "421 4.3.2 closing", "503 5.5.1 bad sequence"
R, M, P, _ = OK
ACCEPTED, UNKNOWN, THROTTLE, HARD = Kind.ACCEPTED, Kind.UNKNOWN, Kind.THROTTLE, Kind.HARD

# what the server says to one message of a flight; what becomes of that message; of those behind it
ANSWERS: dict[str, tuple[tuple[str, ...], Kind, Kind]] = {
    "usual": (OK, ACCEPTED, ACCEPTED),
    "other words": (("250 a", "251 b", "250", "200 c"), ACCEPTED, ACCEPTED),
    "many lines": (("250-a\r\n250 b", M, "250-a\r\n250-b\r\n250 c", "250-2.0.0 q\r\n250 2.0.0 r"), ACCEPTED, ACCEPTED),
    "RCPT refused, BDAT 503": ((R, M, GONE, NO), HARD, ACCEPTED),
    "RCPT refused, BDAT 554": ((R, M, FULL, "554 5.5.1 no valid recipients"), Kind.SOFT, ACCEPTED),
    "RCPT refused, BDAT accepted": ((R, M, GONE, "250 ok"), HARD, ACCEPTED),
    "MAIL refused": ((R, BUSY, NO, NO), Kind.TRANSIENT, ACCEPTED),
    "MAIL refused, BDAT accepted": ((R, BUSY, NO, "250 ok"), Kind.TRANSIENT, ACCEPTED),
    "MAIL refused, RCPT and BDAT accepted": ((R, BUSY, P, "250 ok"), UNKNOWN, ACCEPTED),
    "MAIL refused, RCPT accepted": ((R, BUSY, P, NO), Kind.TRANSIENT, ACCEPTED),
    "MAIL refused, RCPT accepted, closed": ((R, BUSY, P, CLOSE), UNKNOWN, UNKNOWN),
    "BDAT refused": ((R, M, P, FULL), Kind.SOFT, ACCEPTED),
    "BDAT refused in lines": ((R, M, P, "552-5.3.4 too\r\n552 5.3.4 big"), Kind.CONTENT, ACCEPTED),
    "RSET refused": (("500 5.5.2 what", M, P, "250 ok"), UNKNOWN, UNKNOWN),
    "354 to BDAT": ((R, M, P, "354 go"), UNKNOWN, UNKNOWN),
    "354 to RCPT": ((R, M, "354 go", NO), UNKNOWN, UNKNOWN),
    "RCPT refused, 354 to BDAT": ((R, M, GONE, "354 go"), HARD, UNKNOWN),
    # not of the message: it goes by DATA
    "BDAT 500": ((R, M, P, "500 5.5.2 unrecognized"), ACCEPTED, UNKNOWN),
    "BDAT 502": ((R, M, P, "502 5.5.1 not implemented"), ACCEPTED, UNKNOWN),
    "BDAT 503": ((R, M, P, NO), ACCEPTED, UNKNOWN),
    "RCPT refused, BDAT 500": ((R, M, GONE, "500 5.5.2 unrecognized"), HARD, UNKNOWN),
    # the rest of what it says must not be read as answers to the next message
    "a reply too many": ((R, M, P, "554 5.6.0 no\r\n500 what"), Kind.UNDETERMINED, UNKNOWN),
    "no reply": ((R, M, P, "hello"), UNKNOWN, UNKNOWN),
    "two codes in one reply": ((R, M, P, "250-a\r\n550 b"), UNKNOWN, UNKNOWN),
    # the first goes to another connection where 421 came before its recipient
    "421 to RSET": ((BYE, NO, NO, NO), ACCEPTED, ACCEPTED),
    "421 to MAIL": ((R, BYE, BYE, BYE), ACCEPTED, ACCEPTED),
    "421 to RCPT": ((R, M, BYE, NO), THROTTLE, ACCEPTED),
    "421 to BDAT": ((R, M, P, BYE), THROTTLE, ACCEPTED),
    # some go on after a 421: what they did with the content before the end is not known
    "421 to RSET, closed": ((BYE, CLOSE), UNKNOWN, UNKNOWN),
    "421 to MAIL, closed": ((R, BYE, CLOSE), UNKNOWN, UNKNOWN),
    "421 to MAIL, RCPT refused, closed": ((R, BYE, BYE, CLOSE), ACCEPTED, UNKNOWN),
    "421 to RCPT, closed": ((R, M, BYE, CLOSE), THROTTLE, UNKNOWN),
    "421 to BDAT, closed": ((R, M, P, BYE, CLOSE), THROTTLE, UNKNOWN),
    "closed before RSET": ((CLOSE,), UNKNOWN, UNKNOWN),
    "closed before MAIL": ((R, CLOSE), UNKNOWN, UNKNOWN),
    "closed before RCPT": ((R, M, CLOSE), UNKNOWN, UNKNOWN),
    "closed before BDAT": ((R, M, P, CLOSE), UNKNOWN, UNKNOWN),
    "MAIL refused, closed": ((R, BUSY, CLOSE), Kind.TRANSIENT, UNKNOWN),
    "RCPT refused, closed": ((R, M, GONE, CLOSE), HARD, UNKNOWN),
}
ROWS = pytest.mark.parametrize(("answers", "kind", "behind"), ANSWERS.values(), ids=ANSWERS.keys())


def checked(message: SmtpMessage) -> SmtpMessage:
    """The message as who has looked through it hands it on."""
    return message._replace(checked_size=len(message.data) + sum(map(len, message.more)))


# --- one connection, its replies cut anywhere


class _Line:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, parts: Sequence[bytes]) -> None:
        self.written += b"".join(parts)

    def abort(self) -> None:
        """Nobody listens."""


class _Pool:
    """Hands out messages to one connection and keeps what became of them."""

    classifier = BUILT_IN

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = list(jobs)
        self.kinds: dict[int, Kind | str] = {}
        self.is_grounded = False

    def take(self) -> Job | None:
        return None

    def flies_next(self) -> bool:
        return bool(self.waiting) and not self.is_grounded

    def take_flight(self, most: int, most_bytes: int) -> list[Job]:
        jobs, self.waiting = self.waiting[:most], self.waiting[most:]
        return jobs

    def flight_lost(self) -> None:
        self.is_grounded = True

    def finish(self, job: Job, outcome: Outcome) -> None:
        assert job.index not in self.kinds, "settled twice"
        self.kinds[job.index] = outcome.kind

    def give_back(self, job: Job) -> None:
        assert job.index not in self.kinds, "settled and given back"
        self.kinds[job.index] = "moved"

    def rested(self, connection: object) -> None:
        """Nothing to do."""

    def lost(self, connection: object, reason: str, reply: Reply | None) -> None:
        """Nothing to do."""

    def observed(self, seconds: float) -> None:
        """Nothing to do."""


def _lines(answers: Sequence[str]) -> bytes:
    return "".join(f"{answer}\r\n" for answer in answers if answer != CLOSE).encode()


def _replay(
    loop: asyncio.AbstractEventLoop, message: Message, answers: Sequence[str], pieces: Sequence[bytes]
) -> _Pool:
    """A message that is accepted, then a flight of two to which these pieces are the answer."""
    window = Window(loop, 3)
    pool = _Pool([Job(checked(message(n)), window, n) for n in range(3)])
    connection = FlyingConnection(Endpoint("relay.example", 25), loop, pool)
    connection.connection_made(cast(asyncio.Transport, _Line()))
    connection.capabilities = Capabilities(pipelining=True, chunking=True)
    connection.serve()
    connection.data_received(b"")  # heard a moment ago
    assert connection.start()
    connection.data_received(_lines(OK))
    assert pool.waiting == []
    for piece in pieces:
        if connection.is_alive:
            connection.data_received(piece)
    if CLOSE in answers:
        connection.connection_lost(None)
    return pool


@ROWS
def test_replies_may_be_cut_at_any_byte(message: Message, answers: tuple[str, ...], kind: Kind, behind: Kind) -> None:
    data = _lines(answers) + (b"" if CLOSE in answers else _lines(OK))
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        whole = _replay(loop, message, answers, [data])
        assert whole.kinds[0] is ACCEPTED
        assert whole.kinds[1] in (kind, "moved")
        assert whole.kinds[2] is behind
        assert whole.is_grounded == (behind is UNKNOWN)
        cut = [[data[:at], data[at:]] for at in range(1, len(data))]
        for pieces in [*cut, [data[at : at + 1] for at in range(len(data))]]:
            assert _replay(loop, message, answers, pieces).kinds == whole.kinds


def test_a_reply_begun_too_early_is_not_taken_for_the_next_messages(message: Message) -> None:
    with asyncio.Runner() as runner:
        window = Window(runner.get_loop(), 2)
        pool = _Pool([Job(checked(message(n)), window, n) for n in range(2)])
        connection = FlyingConnection(Endpoint("relay.example", 25), runner.get_loop(), pool)
        connection.connection_made(cast(asyncio.Transport, _Line()))
        connection.capabilities = Capabilities(pipelining=True, chunking=True)
        connection.serve()
        connection.data_received(b"")
        assert connection.start()
        connection.data_received(_lines(OK) + b"250 begu")
        assert pool.kinds == {0: ACCEPTED}
        assert len(pool.waiting) == 1


# --- whole pools against a server that answers as it is told


@dataclass
class Relay:
    """A server that offers CHUNKING. answers: by the number of the message that comes by BDAT, else it accepts.

    dialect: "" or "deaf": it does not know BDAT and takes content for commands.
    """

    answers: dict[int, Sequence[str]] = field(default_factory=dict)
    dialect: str = ""
    flown: list[str] = field(default_factory=list)
    driven: list[str] = field(default_factory=list)
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 hi\r\n")
        recipient = ""
        while line := (await reader.readline()).decode():
            verb = line[:4].upper()
            if verb == "RSET" and not self.dialect:
                if not await self._flown(reader, writer):
                    return
            elif verb == "EHLO":
                writer.write(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
            elif verb == "DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                self.driven.append(recipient)
                writer.write(b"250 ok\r\n")
            elif verb in ("MAIL", "RCPT", "RSET"):
                recipient = line.partition("<")[2].partition(">")[0]
                writer.write(b"250 ok\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"500 5.5.2 What is this?\r\n")

    async def _flown(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One message of a flight, read whole before it is answered; False when the connection is to be closed."""
        _, recipient, chunk = [(await reader.readline()).decode() for _ in range(3)]
        assert chunk.startswith("BDAT ")
        await reader.readexactly(int(chunk.split()[1]))
        number = len(self.flown)
        self.flown.append(recipient.partition("<")[2].partition(">")[0])
        answers = self.answers.get(number, OK)
        writer.write(_lines(answers))
        return CLOSE not in answers


def _through(run: Any, scripted: Any, relay: Relay, messages: Sequence[SmtpMessage], **options: Any) -> list[Outcome]:
    async def main() -> list[Outcome]:
        async with scripted(relay) as port:
            connections = options.pop("max_connections", 1)
            pool = SmtpPool(Endpoint("127.0.0.1", port, **options), max_connections=connections)
            outcomes = await pool.send_window(messages)
            await pool.close()
            return outcomes

    outcomes: list[Outcome] = run(main())
    return outcomes


@ROWS
def test_one_answer_in_a_flight_of_eight(
    run: Any, scripted: Any, message: Message, answers: tuple[str, ...], kind: Kind, behind: Kind
) -> None:
    # flights of 1, 4 and 8: number 6 is the second of the last one
    relay = Relay({6: answers})
    outcomes = _through(run, scripted, relay, [checked(message(n)) for n in range(18)])
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == [ACCEPTED] * 6 + [kind] + [behind] * 6 + [ACCEPTED] * 5
    if behind is UNKNOWN:
        assert relay.driven[-5:] == [f"user{n}@example.com" for n in range(13, 18)], "it flies again at once"
    assert len(set(relay.flown)) + len(relay.driven) <= 19, "nobody but a moved message is handed over twice"
    assert all(outcome.reply for outcome in outcomes)


@pytest.mark.parametrize("connections", [1, 4])
def test_a_server_that_does_not_know_what_it_offers_loses_nothing(
    run: Any, scripted: Any, message: Message, connections: int
) -> None:
    relay = Relay(dialect="deaf")
    messages = [checked(message(n, body=b"Line\r\n" * 9)) for n in range(40)]
    outcomes = _through(run, scripted, relay, messages, max_connections=connections)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sorted(relay.driven) == sorted(made.recipient for made in messages)


def test_a_provider_may_forbid_flights(run: Any, scripted: Any, message: Message) -> None:
    relay = Relay()
    outcomes = _through(run, scripted, relay, [checked(message(n)) for n in range(9)], chunking=False)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert (len(relay.driven), relay.flown) == (9, [])


def test_only_messages_that_were_looked_through_fly(run: Any, scripted: Any, message: Message) -> None:
    relay = Relay()
    messages = [message(n) if n % 3 == 0 else checked(message(n)) for n in range(12)]
    assert {outcome.kind for outcome in _through(run, scripted, relay, messages)} == {ACCEPTED}
    assert relay.driven == [f"user{n}@example.com" for n in (0, 3, 6, 9)]
    assert len(relay.flown) == 8


# --- whole pools against the sink


def test_what_cannot_go_ends_alone(start_sink: StartSink, run: Any, message: Message, endpoint: Any) -> None:
    sink = start_sink(chunking=True, size_limit=4096)
    messages = [checked(message(n)) for n in range(30)]
    messages[20] = checked(message(20, body=b"y" * 5000 + b"\r\n"))
    messages[21] = checked(message(21, deadline=boottime() - 0.001))
    outcomes = run(_send(endpoint(sink), messages))
    assert {n: outcome.rule for n, outcome in enumerate(outcomes) if outcome.kind is not ACCEPTED} == {
        20: "local-size",
        21: "late",
    }
    assert sorted(sink.accepted()) == sorted(
        (f"user{n}@example.com", f"<{n}@example.com>") for n in range(30) if n not in (20, 21)
    )
    assert sink.stats()["chunks"] == 28


@pytest.mark.parametrize("tls", ["", "starttls", "implicit"])
def test_content_arrives_byte_for_byte_as_by_data(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any, tls: str
) -> None:
    rng = random.Random(5)
    made = []
    for number in range(40):
        # together far more than a socket takes at once
        pieces = [rng.randbytes(rng.choice([20, 300, 9000, 60_000])).hex().encode() + b"\r\n" for _ in range(3)]
        first = message(number, body=pieces[0])
        made.append(checked(first._replace(more=tuple(pieces[1:]) if number % 2 else ())))
    arrived = []
    for chunking in (True, False):
        sink = start_sink(chunking=chunking, tls=tls)
        outcomes = run(_send(endpoint(sink), made))
        assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
        assert sink.stats().get("chunks", 0) == 40 * chunking
        arrived.append({stored.recipients[0]: (stored.sender, stored.content) for stored in sink.messages()})
    assert arrived[0] == arrived[1]
    assert arrived[0] == {one.recipient: (one.sender, one.data + b"".join(one.more)) for one in made}


def test_a_relay_that_falls_silent_costs_one_flight_a_connection(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any, quick: Any
) -> None:
    sink = start_sink(Rule("DOT", "user9@*", action="stall"), chunking=True)
    outcomes = run(_send(endpoint(sink, quick), [checked(message(n)) for n in range(40)], connections=1))
    unknown = [n for n, outcome in enumerate(outcomes) if outcome.kind is UNKNOWN]
    assert unknown == list(range(9, 13))
    assert {outcome.kind for n, outcome in enumerate(outcomes) if n not in unknown} == {ACCEPTED}
    assert max(Counter(sink.accepted()).values()) == 1
    assert sink.stats()["chunks"] == 10, "the others went by DATA"


def test_a_cancelled_window_and_a_pool_that_closes_leave_its_flights_to_land(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any
) -> None:
    sink = start_sink(Rule("DOT", "user0@*", action="delay", delay_ms=200), chunking=True)

    async def main() -> list[Outcome]:
        pool = SmtpPool(endpoint(sink), max_connections=1)
        dropped = asyncio.ensure_future(pool.send_window([checked(message(n)) for n in range(10)]))
        kept = asyncio.ensure_future(pool.send_window([checked(message(n)) for n in range(10, 20)]))
        while not sink.stats().get("chunks"):
            await asyncio.sleep(0.01)
        dropped.cancel()
        await asyncio.wait([dropped])
        assert {outcome.kind for outcome in await kept} == {ACCEPTED}
        late = asyncio.ensure_future(pool.send_window([checked(message(n)) for n in range(20, 28)]))
        await asyncio.sleep(0)
        await pool.close()
        return await late

    assert {outcome.kind for outcome in run(main())} == {ACCEPTED}
    accepted = Counter(address for address, _ in sink.accepted())
    assert set(accepted) == {f"user{n}@example.com" for n in (0, *range(10, 28))}
    assert set(accepted.values()) == {1}


@pytest.mark.parametrize(("size", "count"), [(2_000, 8), (50_000, 8), (200_000, 5), (400_000, 2), (30_000_000, 1)])
def test_large_messages_are_fewer_in_a_flight(size: int, count: int) -> None:
    assert usual_messages(size) == count


def test_large_messages_to_a_relay_far_away_have_connections_for_all_of_them(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any
) -> None:
    sink = start_sink(Rule("DOT", action="delay", delay_ms=50), chunking=True)
    large = [checked(message(n, body=b"y" * 76 + b"\r\n")) for n in range(24)]
    large = [one._replace(more=(b"z" * 400_000 + b"\r\n",), checked_size=one.checked_size + 400_002) for one in large]

    async def main() -> int:
        pool = SmtpPool(endpoint(sink), max_connections=30)
        try:
            for _ in range(2):
                outcomes = await pool.send_window(large)
                assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
            return pool.connections
        finally:
            await pool.close()

    assert run(main()) >= 12


async def _send(where: Endpoint, messages: Sequence[SmtpMessage], *, connections: int = 2) -> list[Outcome]:
    pool = SmtpPool(where, max_connections=connections)
    try:
        return await pool.send_window(messages)
    finally:
        await pool.close()


# --- how far, and whether at all


def test_flights_grow_while_the_relay_is_quick_and_rest_when_two_are_too_many() -> None:
    reach = Reach()
    sizes = []
    for seconds in (0.1, 0.1, 0.1, 3.0, 3.0, 3.0):
        sizes.append(reach.messages)
        reach.landed(seconds, now=100.0, size=reach.messages)
    assert sizes == [2, 4, CAREFUL_MESSAGES, CAREFUL_MESSAGES, 4, 2]
    assert not reach.may_fly(100.0 + REST_SECONDS)
    assert reach.may_fly(100.1 + REST_SECONDS)
    assert reach.messages == 2


def test_large_flights_are_for_relays_that_accepted_a_hundred_messages_in_a_row() -> None:
    reach = Reach()

    def sizes(flights: int, refused: int = 0) -> list[int]:
        found = []
        for _ in range(flights):
            found.append(reach.messages)
            reach.landed(0.1, now=100.0, size=reach.messages, refused=refused)
        return found

    assert sizes(16) == [2, 4, *[CAREFUL_MESSAGES] * 12, 16, MOST_MESSAGES]
    assert sizes(3, refused=1) == [MOST_MESSAGES, CAREFUL_MESSAGES, CAREFUL_MESSAGES]
    assert sizes(14)[-2:] == [CAREFUL_MESSAGES, 16]


def test_flights_end_where_half_of_one_was_refused(
    start_sink: StartSink, run: Any, message: Message, endpoint: Any
) -> None:
    sink = start_sink(Rule("RCPT", "gone*", text=GONE), chunking=True)
    made = [checked(message(n, recipient=f"gone{n}@example.com" if n in (2, 4) else "")) for n in range(20)]
    outcomes = run(_send(endpoint(sink), made, connections=1))
    assert [n for n, outcome in enumerate(outcomes) if outcome.kind is HARD] == [2, 4]
    assert {outcome.kind for n, outcome in enumerate(outcomes) if n not in (2, 4)} == {ACCEPTED}
    assert sink.stats()["chunks"] == 5, "the others went by DATA"


def test_a_lost_flight_is_not_forgotten_for_an_hour() -> None:
    grounds = Grounds()
    assert grounds.may_fly(0.0)
    grounds.lost(50.0)
    assert not grounds.may_fly(49.0 + GROUNDED_SECONDS)
    assert grounds.may_fly(50.0 + GROUNDED_SECONDS)


# --- the promise, under random misbehaviour

REPLIES = ["421 4.7.0 slow down", "451 4.3.0 later", "550 5.1.1 no such user", "554 5.7.1 spam", "503 5.5.1 no"]
STAGES = ["CONNECT", "RSET", "MAIL", "RCPT", "RCPT", "MIDDATA", "DOT", "DOT"]


def _misbehaviour(rng: random.Random) -> Iterator[Rule]:
    for _ in range(rng.randint(2, 6)):
        stage = rng.choice(STAGES)
        action = "close" if stage == "MIDDATA" else rng.choice(["reply", "reply", "reply", "close", "stall", "delay"])
        chance = rng.choice([0.005, 0.02, 0.1]) * (0.1 if action == "stall" else 1.0)
        yield Rule(
            stage,
            action=action,  # type: ignore[arg-type]
            text=rng.choice(REPLIES),
            probability=chance,
            delay_ms=rng.choice([5.0, 20.0]) if action == "delay" else 0.0,
            keeps=rng.random() < 0.7,
        )


@asynccontextmanager
async def _cutting(port: int, rng: random.Random) -> AsyncIterator[int]:
    """A wire to that port on which everything arrives in pieces."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        try:
            while data := await reader.read(rng.randint(1, most)):
                writer.write(data)
                await asyncio.sleep(0)
        except ConnectionError as error:
            ends.append(error)
        finally:
            writer.close()

    async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back, 4000), carry(there, writer, 150))

    ends: list[ConnectionError] = []
    server = await asyncio.start_server(on_client, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("seed", range(11))
def test_no_flight_brings_a_message_twice_or_an_acceptance_that_was_none(
    start_sink: StartSink, message: Message, quick: Any, seed: int
) -> None:
    rng = random.Random(seed)
    sink = start_sink(*_misbehaviour(rng), seed=seed, chunking=True)
    limits = replace(quick, mail=0.2, rcpt=0.2, data=0.2, dot=0.3, greeting=0.2, ehlo=0.2)

    async def main() -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with _cutting(sink.port, rng) as port:
            windows = [[checked(message(n)) for n in range(at, at + 50)] for at in range(0, 400, 50)]
            # a pool is grounded by the first flight it loses: several, so that many fly
            for two in range(0, len(windows), 2):
                where = Endpoint("127.0.0.1", port, timeouts=limits)
                pool = SmtpPool(where, max_connections=rng.choice([1, 3]), rng=random.Random(seed))
                for answer in await asyncio.gather(*map(pool.send_window, windows[two : two + 2])):
                    outcomes += answer
                await pool.close()
        return outcomes

    factory = uvloop.new_event_loop if seed % 2 else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        outcomes = runner.run(main())
    assert len(outcomes) == 400
    assert_each_tells_the_truth(sink, outcomes)
    assert sink.stats()["chunks"] > 0
