"""Helpers to drive the SMTP engine over real loopback sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any, Protocol

import pytest
import uvloop

from bench.sink import Options, Rule, Sink
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import Endpoint, SmtpMessage, SmtpPool, Timeouts

# patient with a busy machine, short enough to wait for in a test
QUICK = Timeouts(
    connect=5, greeting=0.5, ehlo=0.5, tls=5, auth=5, mail=0.5, rcpt=0.5, data=0.5, dot=0.5, quit=0.5, idle=60
)
PATIENT = Timeouts(connect=10, greeting=10, ehlo=10, mail=20, rcpt=20, data=20, dot=20)


class Run(Protocol):
    """Runs a coroutine on one of the event loops that the engine supports."""

    def __call__(self, main: Coroutine[Any, Any, Any]) -> Any: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on both event loops, unless the module names its own: waiting for time-outs twice proves little."""
    if "loop_name" in metafunc.fixturenames:
        metafunc.parametrize("loop_name", getattr(metafunc.module, "LOOPS", ("asyncio", "uvloop")))


@pytest.fixture
def run(loop_name: str) -> Run:
    def go(main: Coroutine[Any, Any, Any]) -> Any:
        factory = uvloop.new_event_loop if loop_name == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main)

    return go


@pytest.fixture
def start_sink() -> Iterator[Callable[..., Sink]]:
    """Start a sink in a thread: `start_sink(Rule(…), Rule(…), latency_ms=…, users=…)`."""
    with ExitStack() as stack:

        def start(*rules: Rule, **options: Any) -> Sink:
            return stack.enter_context(Sink(Options(keep_content=True, **options), rules=rules))

        yield start


@pytest.fixture
def message() -> Callable[..., SmtpMessage]:
    """Make a message: `message(7)` goes to user7@example.com with Message-ID <7@example.com>."""

    def make(
        number: int = 0,
        *,
        recipient: str = "",
        sender: str = "",
        body: bytes = b"Hello\r\n",
        deadline: float | None = None,
    ) -> SmtpMessage:
        head = f"Message-ID: <{number}@example.com>\r\nSubject: Hello\r\n\r\n".encode()
        to = recipient or f"user{number}@example.com"
        return SmtpMessage(sender or f"b+{number}@bounce.example", to, head + body, deadline)

    return make


@pytest.fixture
def send(run: Run) -> Callable[..., list[Outcome]]:
    """Send one window through a new pool and close it."""

    def go(
        target: Sink | Endpoint, messages: Sequence[SmtpMessage], *, connections: int = 4, timeouts: Timeouts = PATIENT
    ) -> list[Outcome]:
        endpoint = target if isinstance(target, Endpoint) else endpoint_of(target, timeouts)

        async def main() -> list[Outcome]:
            pool = SmtpPool(endpoint, max_connections=connections)
            try:
                return await pool.send_window(messages)
            finally:
                await pool.close()

        outcomes: list[Outcome] = run(main())
        return outcomes

    return go


def endpoint_of(sink: Sink, timeouts: Timeouts = PATIENT, **more: Any) -> Endpoint:
    security = {"": "plain", "starttls": "starttls", "implicit": "tls"}[sink.options.tls]
    more = {"ca_file": sink.ca_file} | more
    return Endpoint("127.0.0.1", sink.port, security, timeouts=timeouts, **more)  # type: ignore[arg-type]


@pytest.fixture
def endpoint() -> Callable[..., Endpoint]:
    """Make the endpoint of a sink: `endpoint(sink, QUICK, username=…)`."""
    return endpoint_of


@pytest.fixture
def quick() -> Timeouts:
    """Short time-outs, for tests that wait for one."""
    return QUICK


Dialogue = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def scripted() -> Callable[[Dialogue], AbstractAsyncContextManager[int]]:
    """Serve one hand-written dialogue on loopback inside the running loop; gives the port."""

    @asynccontextmanager
    async def serve(dialogue: Dialogue) -> Any:
        async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await dialogue(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                clients_gone.append(True)
            finally:
                writer.close()

        clients_gone: list[bool] = []
        server = await asyncio.start_server(on_client, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    return serve


def assert_each_tells_the_truth(sink: Sink, outcomes: Sequence[Outcome]) -> None:
    """Against the sink's log. Message n went to user n: nobody got it twice, and only `unknown` may be either."""
    accepted = Counter(address for address, _ in sink.accepted())
    assert set(accepted.values()) <= {1}, "a recipient got a second copy"
    claimed, unknown = (
        {f"user{n}@example.com" for n, outcome in enumerate(outcomes) if outcome.kind is kind}
        for kind in (Kind.ACCEPTED, Kind.UNKNOWN)
    )
    assert claimed <= set(accepted), "an acceptance was invented"
    assert set(accepted) <= claimed | unknown, "an accepted message would be tried again"
