"""One SMTP session as a protocol: a state machine over replies, without a task or a future per message.

A transaction is MAIL, RCPT, DATA in one write where PIPELINING is offered, then, after the 354, the body with its
final dot and the next message's MAIL, RCPT, DATA in one write. Nothing is ever written past DATA before its 354.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from functools import lru_cache
from typing import Protocol

from delivery.engine.classify import Classifier
from delivery.engine.outcome import Answered, Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.engine.smtp.endpoint import Endpoint
from delivery.engine.smtp.envelope import Capabilities, Envelope, build_envelope
from delivery.engine.smtp.failures import refusal
from delivery.engine.smtp.replies import MAX_LINE_BYTES, Reply, ReplyParser, enhanced_of, one_line
from delivery.engine.smtp.window import Job, too_late
from delivery.engine.smtp.wire import Wire

RSET, MAIL, RCPT, DATA, DOT, VOID = range(6)
_STEP_NAMES = ("RSET", "MAIL", "RCPT", "DATA", "the final dot", "the end of a refused message")


class Host(Protocol):
    """What a connection needs from the pool that owns it.

    classifier: judges refusals; looked up for each, so that other rules hold from the next reply on.
    """

    classifier: Classifier

    def take(self) -> Job | None:
        """Hand out the next message whose time is not over, or None."""

    def flies_next(self) -> bool:
        """The next message may go in a flight (see `flight`)."""

    def take_flight(self, most: int, most_bytes: int) -> list[Job]:
        """Hand out the next messages that may go in one flight, at most so many."""

    def flight_lost(self) -> None:
        """Messages of a flight were left without an answer, or the server cannot take what it offers."""

    def finish(self, job: Job, outcome: Outcome) -> None:
        """The message has its outcome."""

    def give_back(self, job: Job) -> None:
        """Nothing of the message's content was written and the connection is gone: another one may carry it."""

    def rested(self, connection: Connection) -> None:
        """The connection has nothing to do."""

    def lost(self, connection: Connection, reason: str, reply: Reply | None) -> None:
        """The connection is gone; reply is the 421 that ended it in the middle of a transaction, if one did."""

    def observed(self, seconds: float) -> None:
        """A final dot was answered after so many seconds."""


class Connection(Wire):
    """One session. After the set-up `serve()` hands it to the pool, which calls `start()`; then replies drive it.

    expires: loop time at which the awaited step has taken too long. dot_at: time.monotonic() of the unanswered final
    dot, infinity without one. begun, completed: transactions opened, and ended by a reply other than 421.
    """

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        super().__init__(loop)
        limits = endpoint.timeouts
        self.capabilities = Capabilities()
        self.expires = self.dot_at = math.inf
        self.rested_at = loop.time()
        self.begun = self.completed = 0
        self._host = host
        self._may_chunk = endpoint.chunking
        self._limits = (limits.mail, limits.mail, limits.rcpt, limits.data, limits.dot, limits.dot)
        self._handlers = (self._on_rset, self._on_mail, self._on_rcpt, self._on_data, self._on_dot, self._on_void)
        self._paused = False
        self._held = False
        self._expected: deque[int] = deque()
        self._body: Job | None = None  # its final dot was written, the reply is outstanding
        self._job: Job | None = None  # its envelope was written, its content was not
        self._lines: Envelope | None = None
        self._refusal: Outcome | None = None
        self._answered = False
        self._needs_reset = False
        # how this server's answer to a message and the envelope behind it ends, once it was seen
        self._usual_end = b""

    def data_received(self, data: bytes) -> None:
        """A message was accepted and so was the next envelope: nearly all that is ever read takes the short way."""
        end = self._usual_end
        if end and data.endswith(end) and self._is_usual():
            line = data[: -len(end)]
            if line[:4] == b"250 " and b"\n" not in line and len(line) < MAX_LINE_BYTES:
                self._turn(line)
                return
        super().data_received(data)
        if not end and self._body is not None:
            self._usual_end = _usual_end(data)

    def _is_usual(self) -> bool:
        """The next four replies are about the final dot, and MAIL, RCPT and DATA, none of which began to arrive."""
        return len(self._expected) == 4 and self._expected[0] == DOT and self._parser.is_empty and not self._setup

    def _turn(self, line: bytes) -> None:
        """What the four handlers do, for a 250 to the final dot and for what stands in `_usual_end`."""
        job, self._body = self._body, None
        self._host.observed(time.monotonic() - self.dot_at)
        self.dot_at = math.inf
        self._expected.clear()
        self._answered = True
        if job is not None:
            self._host.finish(job, accepted_line(line))
            self.completed += 1
        self._send_content()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._held:
            self._held = False
            self._send_content()

    @property
    def may_carry_flights(self) -> bool:
        """The server takes several messages in one write (see `flight`), and nobody forbade it."""
        return self._may_chunk and self.capabilities.chunking and self.capabilities.pipelining

    def serve(self) -> None:
        """The set-up is over: from here on replies belong to transactions."""
        self._setup = False
        self.rested_at = self._loop.time()
        if self._inbox:
            self.cut("the server sends replies that nobody asked for")

    def on_replies(self, replies: list[Reply]) -> None:
        for reply in replies:
            if reply.code == 354 and reply is not replies[-1]:
                # what follows a 354 in one read cannot be the answer to content that was not yet written
                self.cut("the server answered the content before it was sent")
            elif not self._expected:
                self.cut(goodbye(reply))
            else:
                self._handlers[self._expected.popleft()](reply)
            if self._gone:
                return
        if self._expected:
            self.expires = self._loop.time() + self._limits[self._expected[0]]

    def _said_goodbye(self, reply: Reply) -> None:
        self.cut(goodbye(reply), reply)

    # --- transactions

    def start(self) -> bool:
        """Begin the next transaction on this idle connection; False when there was no message to take."""
        if self._gone or (taken := self._take()) is None:
            return False
        self.transport.write(self._begin(*taken))
        self.expires = self._loop.time() + self._limits[self._expected[0]]
        return True

    def check(self, now: float) -> None:
        """Give up when the awaited reply is overdue. now: loop time."""
        if now > self.expires:
            step = self._expected[0] if self._expected else DATA
            self.cut(f"no answer to {_STEP_NAMES[step]} within {self._limits[step]:g} s")

    def _take(self) -> tuple[Job, Envelope] | None:
        while (job := self._host.take()) is not None:
            built = build_envelope(job.message, self.capabilities)
            if isinstance(built, Envelope):
                return job, built
            self._host.finish(job, built)
        return None

    def _begin(self, job: Job, lines: Envelope) -> bytes:
        """Make `job` the current transaction and return the bytes that open it."""
        self._job, self._lines, self._refusal, self._answered = job, lines, None, False
        self.begun += 1
        reset, self._needs_reset = self._needs_reset, False
        if not self.capabilities.pipelining:
            self._expected.append(RSET if reset else MAIL)
            return b"RSET\r\n" if reset else lines.mail
        if reset:
            self._expected.append(RSET)
        self._expected.extend((MAIL, RCPT, DATA))
        return b"%b%b%bDATA\r\n" % (b"RSET\r\n" if reset else b"", lines.mail, lines.rcpt)

    def _on_rset(self, reply: Reply) -> None:
        if reply.code == 421:
            self._said_goodbye(reply)
        elif not self.capabilities.pipelining and self._lines is not None:
            self._step(MAIL, self._lines.mail)

    def _on_mail(self, reply: Reply) -> None:
        if reply.code == 421 and self.completed and self._job is not None and not self._job.moved:
            # the end of a session that has served before (some servers count) is no verdict on this message
            self.cut(goodbye(reply))
        elif self._accepts_step(reply, Answered.SENDER) and (
            not self.capabilities.pipelining and self._lines is not None
        ):
            self._step(RCPT, self._lines.rcpt)

    def _on_rcpt(self, reply: Reply) -> None:
        if self._accepts_step(reply) and not self.capabilities.pipelining:
            self._step(DATA, b"DATA\r\n")

    def _on_data(self, reply: Reply) -> None:
        if reply.code == 354:
            if self._refusal is None:
                self._send_content()
            else:
                self._end_refused()
                self._step(VOID, b".\r\n")
        elif self._accepts_step(reply, Answered.MESSAGE):
            self.cut(f"the server answered DATA with {reply.code}")
        elif not self._gone and self.capabilities.pipelining:
            self._end_refused()
            self._next()

    def _accepts_step(self, reply: Reply, answered: Answered = Answered.RECIPIENT) -> bool:
        """True for a 2xx. A refusal becomes the outcome of the current message; a 421 ends the session with it."""
        self._answered = True
        if reply.code < 300:
            return True
        if reply.code < 400:
            self.cut(f"the server answered out of turn with {reply.code}")
            return False
        if self._refusal is None:
            self._refusal = self._judge(reply, self._job, answered)
        if reply.code == 421:
            self._said_goodbye(reply)
        elif not self.capabilities.pipelining:
            self._end_refused()
            self._next()
        return False

    def _end_refused(self) -> None:
        job, refusal = self._job, self._refusal
        if job is not None and refusal is not None:
            self._job, self._needs_reset = None, True
            self.completed += 1
            self._host.finish(job, refusal)

    def _send_content(self) -> None:
        """Write the current message's content and the final dot, and with them the next message's envelope."""
        job = self._job
        if job is None:
            return
        if self._paused:
            self._held = True
            return
        deadline = job.message.deadline
        if deadline is not None and boottime() >= deadline:
            self._job = None
            self._host.finish(job, too_late())
            # the server waits for content: only closing ends that without handing it an empty message
            self.cut("a message was too late for its content")
            return
        following = self._following()
        self._body, self._job = job, None
        self._expected.append(DOT)
        tail = b".\r\n" if following is None else b".\r\n" + self._begin(*following)
        self.dot_at = time.monotonic()  # uvloop's own clock stands still within an iteration and counts milliseconds
        self.expires = self._loop.time() + self._limits[DOT]
        message = job.message
        if message.more:
            self.transport.writelines((message.data, *message.more, tail))
        else:
            # one buffer costs less than the list of two
            self.transport.write(message.data + tail)

    def _following(self) -> tuple[Job, Envelope] | None:
        """The message whose envelope leaves with the content of the current one."""
        return self._take() if self.capabilities.pipelining else None

    def _on_dot(self, reply: Reply) -> None:
        job, self._body = self._body, None
        self._host.observed(time.monotonic() - self.dot_at)
        self.dot_at = math.inf
        if job is None:
            return
        if 300 <= reply.code <= 399:
            self._body = job
            self.cut(f"the server answered the final dot with {reply.code}")
            return
        self._host.finish(job, accepted(reply) if reply.code < 300 else self._judge(reply, job, Answered.MESSAGE))
        self.completed += reply.code != 421
        if reply.code == 421:
            self._said_goodbye(reply)
        elif self._job is None:
            self._next()

    def _judge(self, reply: Reply, job: Job | None, answered: Answered) -> Outcome:
        group = job.message.mailbox_group if job is not None else ""
        return refusal(self._host.classifier, reply, group=group, answered=answered)

    def _on_void(self, reply: Reply) -> None:
        if reply.code == 421:
            self._said_goodbye(reply)
        else:
            self._next()

    def _step(self, step: int, line: bytes) -> None:
        self._expected.append(step)
        self.transport.write(line)

    def _next(self) -> None:
        if not self.start():
            self.expires = math.inf
            self.rested_at = self._loop.time()
            self._host.rested(self)

    # --- the end

    def on_break(self, reason: str, reply: Reply | None) -> None:
        """Settle what is on the connection by how far it came."""
        self.expires = self.dot_at = math.inf
        self._expected.clear()
        body, self._body = self._body, None
        if body is not None:
            self._host.finish(body, Outcome(Kind.UNKNOWN, reply=f"No answer after the final dot: {reason}."))
        job, self._job = self._job, None
        if job is not None:
            self._settle_unsent(job, reason)
        if not self._setup:
            self._host.lost(self, reason, reply)

    def _settle_unsent(self, job: Job, reason: str) -> None:
        if self._refusal is not None:
            self._host.finish(job, self._refusal)
        elif self._answered or job.moved:
            self._host.finish(job, Outcome(Kind.TRANSIENT, reply=f"Before its content was sent: {reason}."))
        else:
            job.moved = True
            self._host.give_back(job)


def goodbye(reply: Reply) -> str:
    return f"the server said {reply.code} {one_line(reply.text)}"


def _usual_end(data: bytes) -> bytes:
    """What follows the first line, where it accepts an envelope in three whole lines; b"" for everything else."""
    lines = data.split(b"\r\n")
    if len(lines) != 5 or lines[4] or b"\n" in b"".join(lines):
        return b""
    is_accepted = all(line[:1] == b"2" and line[3:4] == b" " and line[:3].isdigit() for line in lines[1:3])
    return data[len(lines[0]) :] if is_accepted and lines[3][:4] == b"354 " else b""


@lru_cache(maxsize=64)
def accepted_line(line: bytes) -> Outcome:
    """The outcome of a message that was accepted with this one line, without its end."""
    reply = ReplyParser().feed(line + b"\r\n")
    return accepted(reply[0])


@lru_cache(maxsize=64)
def accepted(reply: Reply) -> Outcome:
    """The outcome of a message that was accepted with this reply."""
    text = one_line(reply.text)
    return Outcome(Kind.ACCEPTED, reply.code, enhanced_of(text), text)
