"""A pool of persistent SMTP sessions that windows of messages are spread over."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import ssl
import time
from collections import deque
from collections.abc import Iterable, Sequence

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.engine.smtp.connection import Connection
from delivery.engine.smtp.endpoint import Endpoint, SmtpMessage
from delivery.engine.smtp.failures import SetupFailed
from delivery.engine.smtp.flight import Grounds, usual_messages
from delivery.engine.smtp.handshake import open_session, tls_context
from delivery.engine.smtp.health import Health
from delivery.engine.smtp.pacing import Latency, wanted_connections
from delivery.engine.smtp.replies import Reply, enhanced_of
from delivery.engine.smtp.window import Job, Window, not_attempted, too_late

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.02
# nothing waits for a connection: only time-outs are looked for
UNDER_WAY_TICK_SECONDS = 0.1
IDLE_TICK_SECONDS = 1.0
_CLOSED = "The connection pool was closed before it could be sent."


class SmtpPool:
    """Persistent connections to one endpoint, for one event loop.

    max_connections: upper bound of connections open at once; fewer are used while the server is quick.
    rng: source of the jitter of reconnecting. Nothing is opened before the first window.
    classifier: judges refusals; may be set at any time and holds from the next reply on, on open connections too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        max_connections: int,
        rng: random.Random | None = None,
        classifier: Classifier = BUILT_IN,
    ) -> None:
        if max_connections < 1:
            raise ValueError("A pool needs at least one connection.")
        self.endpoint = endpoint
        self.classifier = classifier
        self._health = Health(max_connections, rng or random.Random())  # noqa: S311 - jitter, not a secret
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context: ssl.SSLContext | None = None
        self._waiting: deque[Job] = deque()
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[Connection]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._latency = Latency()
        self._grounds = Grounds()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._was_late = False
        self._swept_at = 0.0
        self._closing = False

    @property
    def connections(self) -> int:
        """Sessions that are open now, busy or idle."""
        return len(self._connections)

    @property
    def latency(self) -> float | None:
        """Seconds from a final dot to its reply, as measured lately; None before the first."""
        return self._latency.value

    async def send_window(self, messages: Sequence[SmtpMessage]) -> list[Outcome]:
        """Send the messages and return one outcome for each, in order; several calls may run at once.

        Nothing that network or server do raises. Each message's content is written at most once, ever.
        If the calling task is cancelled, messages that wait are dropped unsent and those under way go on to their
        end unobserved: the caller has no outcomes and must take the whole window as `unknown`.
        """
        loop = self._adopt_loop()
        if self._closing:
            return [not_attempted(_CLOSED)] * len(messages)
        if not messages:
            return []
        failure = None if self._connections or self._opening else self._health.hopeless(loop.time())
        if failure is not None:
            return [failure.outcome] * len(messages)
        window = Window(loop, len(messages))
        self._waiting.extend(Job(message, window, index) for index, message in enumerate(messages))
        self._dispatch()
        try:
            return await window.result()
        except asyncio.CancelledError:
            window.cancelled = True
            self._waiting = deque(job for job in self._waiting if job.window is not window)
            raise

    async def close(self) -> None:
        """End what waits as not attempted, let what is under way finish (bounded by the step time-outs), say QUIT."""
        loop = self._adopt_loop()
        self._closing = True
        self._fail_waiting(not_attempted(_CLOSED))
        for task in tuple(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        while len(self._idle) < len(self._connections):
            self._check_timeouts(loop.time())
            await asyncio.sleep(TICK_SECONDS)
        self._retire(self._idle)
        await asyncio.gather(*self._leaving, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    # --- what connections call

    def take(self) -> Job | None:
        """Hand out the next message whose time is not over, or None."""
        while self._waiting:
            job = self._waiting.popleft()
            deadline = job.message.deadline
            if deadline is None or boottime() < deadline:
                return job
            self.finish(job, too_late())
        return None

    def flies_next(self) -> bool:
        """The next message may go in a flight: who wrote it has checked it, and no flight was lost lately."""
        return bool(self._waiting) and self._waiting[0].message.checked_size > 0 and self._grounds.may_fly(self._now())

    def take_flight(self, most: int, most_bytes: int) -> list[Job]:
        """Hand out the next messages that may go in one flight, one at least where `flies_next`, at most so many."""
        waiting, clock, jobs, size = self._waiting, boottime(), list[Job](), 0
        while waiting and len(jobs) < most:
            job = waiting[0]
            message = job.message
            size += message.checked_size
            if not message.checked_size or (jobs and size > most_bytes):
                break
            waiting.popleft()
            if message.deadline is None or clock < message.deadline:
                jobs.append(job)
            else:
                self.finish(job, too_late())
        return jobs

    def flight_lost(self) -> None:
        """Messages of a flight were left without an answer, or BDAT is not understood: for a while none is sent."""
        self._grounds.lost(self._now())

    def finish(self, job: Job, outcome: Outcome) -> None:
        """The message has its outcome."""
        job.window.settle(job.index, outcome)

    def give_back(self, job: Job) -> None:
        """Put a message that a dying connection had not begun back at the head of the queue."""
        if job.window.cancelled:
            return
        if self._closing:
            self.finish(job, Outcome(Kind.TRANSIENT, reply="The connection was lost while the pool was closed."))
        else:
            self._waiting.appendleft(job)

    def rested(self, connection: Connection) -> None:
        """The connection has nothing to do."""
        self._idle.append(connection)

    def observed(self, seconds: float) -> None:
        """A final dot was answered after so many seconds."""
        self._latency.observe(seconds)

    def lost(self, connection: Connection, reason: str, reply: Reply | None) -> None:
        """Forget a connection that is gone; one that was needed and never completed a transaction is a failure."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if reply is not None:
            self._health.lower_ceiling(self._now(), len(self._connections))
        if connection.completed:
            self._health.served()
        elif (connection.begun or self._waiting) and not self._closing:
            outcome = not_attempted(f"{self.endpoint.host}:{self.endpoint.port}: {reason}.")
            if reply is not None:
                outcome = Outcome(
                    Kind.THROTTLE, reply.code, enhanced_of(reply.text), outcome.reply, "throttled-service"
                )
            self._count_failure(SetupFailed(outcome))
        if self._loop is not None:
            self._loop.call_soon(self._dispatch)

    # --- the number of connections

    def _dispatch(self) -> None:
        if self._closing or self._loop is None:
            return
        now = self._loop.time()
        self._start_idle()
        if self._waiting and self._health.may_open(now):
            busy = len(self._connections) - len(self._idle)
            wanted = wanted_connections(self._lots(), busy, self._latency.value, self._health.ceiling)
            for _ in range(wanted - len(self._connections) - len(self._opening)):
                self._open()
        self._ensure_timer(now)

    def _start_idle(self) -> None:
        busy = len(self._connections) - len(self._idle)
        wanted = wanted_connections(self._lots(), busy, self._latency.value or 0.0, self._health.ceiling)
        while self._waiting and self._idle and busy < wanted:
            connection = self._idle.pop()
            if connection.start():
                busy += 1
            elif connection in self._connections:
                self._idle.append(connection)

    def _lots(self) -> int:
        """What waits, counted by what one connection carries at a time."""
        if not self.flies_next() or not any(one.may_carry_flights for one in self._connections):
            return len(self._waiting)
        return math.ceil(len(self._waiting) / usual_messages(self._waiting[0].message.checked_size))

    def _open(self) -> None:
        if self._loop is None:
            return
        task = self._loop.create_task(self._session())
        self._opening.add(task)
        task.add_done_callback(self._opened)

    async def _session(self) -> Connection:
        if self._context is None:
            self._context = tls_context(self.endpoint)
        return await open_session(self.endpoint, self._context, self)

    def _opened(self, task: asyncio.Task[Connection]) -> None:
        self._opening.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._welcome(task.result())
        elif isinstance(error, SetupFailed):
            self._setup_failed(error)
        else:
            logger.error("opening an SMTP session failed in an unforeseen way", exc_info=error)
            self._setup_failed(SetupFailed(not_attempted(f"The session could not be opened: {error!r}.")))

    def _welcome(self, connection: Connection) -> None:
        if connection.is_alive:
            self._connections.add(connection)
            self._idle.append(connection)
            if self._latency.value is None:
                self._latency.at_least(connection.round_trip)
        if self._closing:
            self._retire([connection])
        else:
            self._dispatch()

    def _setup_failed(self, error: SetupFailed) -> None:
        if self._connections:
            # the server takes no more connections than these: go on with them
            self._health.lower_ceiling(self._now(), len(self._connections))
            return
        self._count_failure(error)
        if self._loop is not None:
            self._loop.call_soon(self._dispatch)

    def _count_failure(self, error: SetupFailed) -> None:
        """Back off, and give up on what waits when trying again has not helped."""
        self._health.failed(self._now(), error)
        if not self._connections and not self._opening and self._health.is_given_up:
            self._fail_waiting(error.outcome)

    def _now(self) -> float:
        return self._loop.time() if self._loop is not None else 0.0

    def _fail_waiting(self, outcome: Outcome) -> None:
        while self._waiting:
            self.finish(self._waiting.popleft(), outcome)

    # --- time

    def _ensure_timer(self, now: float) -> None:
        tick = self._tick_seconds()
        if self._loop is None or not tick:
            return
        due = now + tick
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._tick)

    def _tick_seconds(self) -> float:
        """Until there is something to look for; 0 where there is nothing at all."""
        if self._waiting or self._opening:
            return TICK_SECONDS
        if len(self._idle) < len(self._connections):
            return UNDER_WAY_TICK_SECONDS
        return IDLE_TICK_SECONDS if self._connections else 0.0

    def _tick(self) -> None:
        self._timer = None
        if self._loop is None or self._closing:
            return
        now = self._loop.time()
        # a late tick says that this process was busy or stopped, not that the server is slow: replies that arrived
        # meanwhile are read before anything is given up, but not more than once in a row
        self._was_late = now > self._timer_due + TICK_SECONDS and not self._was_late
        if not self._was_late:
            self._check_timeouts(now)
            self._learn_from_silence(time.monotonic())
        if now - self._swept_at > 0.25:
            self._swept_at = now
            self._sweep(now)
        self._dispatch()

    def _check_timeouts(self, now: float) -> None:
        for connection in tuple(self._connections):
            connection.check(now)

    def _learn_from_silence(self, now: float) -> None:
        oldest = min((connection.dot_at for connection in self._connections), default=now)
        if now - oldest > TICK_SECONDS / 2:
            self._latency.at_least(now - oldest)

    def _sweep(self, now: float) -> None:
        """End messages whose time is over, retire connections that idle too long, let the ceiling rise again."""
        clock = boottime()
        late = [job for job in self._waiting if job.message.deadline is not None and clock >= job.message.deadline]
        if late:
            gone = set(map(id, late))
            self._waiting = deque(job for job in self._waiting if id(job) not in gone)
            for job in late:
                self.finish(job, too_late())
        self._retire([c for c in self._idle if now - c.rested_at > self.endpoint.timeouts.idle])
        self._health.raise_ceiling(now)

    def _retire(self, connections: Iterable[Connection]) -> None:
        for connection in tuple(connections):
            self._connections.discard(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            if self._loop is not None:
                task = self._loop.create_task(connection.quit(self.endpoint.timeouts.quit))
                self._leaving.add(task)
                task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.info("an SMTP session ended without a good-bye: %r", error)

    def _adopt_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise RuntimeError("An SmtpPool belongs to the event loop of its first window.")
        return loop
