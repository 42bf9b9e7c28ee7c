"""A session that sends its messages in flights where the relay offers CHUNKING, and one by one by DATA elsewhere."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

from delivery.engine.outcome import Answered, Kind, Outcome
from delivery.engine.smtp.connection import DOT, Connection, Host, accepted, accepted_line, goodbye
from delivery.engine.smtp.endpoint import Endpoint
from delivery.engine.smtp.envelope import Envelope, chunk_head
from delivery.engine.smtp.flight import (
    COMMAND_REFUSED,
    CONTENT,
    HEARD_SECONDS,
    MAIL,
    MOST_BYTES,
    RCPT,
    RSET,
    UNKNOWN_COMMAND,
    Flight,
    Reach,
    usual_head,
)
from delivery.engine.smtp.replies import Reply, enhanced_of, one_line
from delivery.engine.smtp.window import Job

# up to here one buffer costs less than a list of many
JOINED_BYTES = 64 * 1024


class FlyingConnection(Connection):
    """One session; see `Connection`. While a flight is in the air every reply is about one of its messages."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, host: Host) -> None:
        super().__init__(endpoint, loop, host)
        # content was taken by BDAT: until then one message is risked to see whether the server can do what it offers
        self._has_flown = False
        self._reach = Reach()
        self._flight: Flight | None = None
        self._heard_at = -math.inf
        # the 421 that announced the end while replies to the rest of a flight may still come
        self._good_bye: Reply | None = None
        # how this server answers RSET, MAIL and RCPT, once it was seen
        self._usual_head = b""

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        flight = self._flight
        if flight is not None and self._parser.is_empty:
            lines = flight.usual(data, self._usual_head)
            if lines is not None:
                self._take_in(flight, [accepted_line(line) for line in lines])
                if not flight.jobs:
                    self._landed(flight)
                return
            if not self._usual_head and flight.step == RSET:
                self._usual_head = usual_head(data)
        super().data_received(data)

    # --- taking off

    def start(self) -> bool:
        while self._may_fly():
            jobs = self._host.take_flight(self._reach.messages if self._has_flown else 1, MOST_BYTES)
            if not jobs:
                break
            if self._launch(jobs):
                return True
        return super().start()

    def _following(self) -> tuple[Job, Envelope] | None:
        """Nothing, where a flight can start once the current message is answered."""
        return None if self._may_fly() else super()._following()

    def _may_fly(self) -> bool:
        if self._gone or self._paused or not self.may_carry_flights:
            return False
        if not self._parser.is_empty or self._parser.error or not self._host.flies_next():
            # the rest of a reply that nobody asked for would be read as the answer to our first command
            return False
        now = self._loop.time()
        return now - self._heard_at < HEARD_SECONDS and self._reach.may_fly(now)

    def _launch(self, jobs: Sequence[Job]) -> bool:
        """Write these messages, commands and content; False where none of them can go to this server."""
        flown, parts, size = list[Job](), list[bytes](), 0
        for job in jobs:
            message = job.message
            head = chunk_head(message, self.capabilities)
            if isinstance(head, Outcome):
                self._host.finish(job, head)
                continue
            flown.append(job)
            parts += (head, message.data, *message.more)
            size += message.checked_size
        if not flown:
            return False
        now = self._loop.time()
        self._flight, self._needs_reset = Flight(flown, now), False
        self.begun += len(flown)
        self.dot_at = time.monotonic()
        # for all of them together: a flight that is answered slowly must not outlast the lease
        self.expires = now + self._limits[DOT]
        if size <= JOINED_BYTES:
            self.transport.write(b"".join(parts))
        else:
            self.transport.writelines(parts)
        return True

    # --- replies

    def on_replies(self, replies: list[Reply]) -> None:
        flight = self._flight
        if flight is None:
            super().on_replies(replies)
            return
        for place, reply in enumerate(replies, 1):
            if flight.jobs:
                self._on_reply(flight, reply)
            else:
                self.cut(goodbye(reply), reply if reply.code == 421 else None)
            if self._gone:
                return
            if place == len(replies) and not flight.jobs:
                self._landed(flight)

    def _on_reply(self, flight: Flight, reply: Reply) -> None:
        code = reply.code
        if 300 <= code < 400:
            self.cut(f"the server answered out of turn with {code}")
        elif flight.step == CONTENT:
            self._on_content(flight, reply)
        elif flight.step == RSET and code >= 400 and code != 421:
            # RFC 5321 knows no refusal of RSET: this is about something else, and so would be all that follows
            self.cut(f"the server answered RSET with {code}")
        else:
            self._on_envelope(flight, reply)

    def _on_envelope(self, flight: Flight, reply: Reply) -> None:
        is_refused = reply.code >= 400
        if reply.code == 421:
            # what it still answers is heard: some say it to one message and take the next
            self._good_bye = self._good_bye or reply
        if is_refused and flight.refusal is None:
            flight.moves = reply.code == 421 and flight.step <= MAIL and self.completed > 0
            flight.refusal = self._judge(
                reply, flight.jobs[0], Answered.RECIPIENT if flight.step == RCPT else Answered.SENDER
            )
        if flight.step == RCPT:
            flight.has_recipient = not is_refused
        flight.step += 1

    def _on_content(self, flight: Flight, reply: Reply) -> None:
        code = reply.code
        if code < 400:
            self._take_in(flight, [self._verdict(flight, reply)])
            return
        if code in (COMMAND_REFUSED if flight.refusal is None else UNKNOWN_COMMAND):
            self._not_understood(flight, reply)
            return
        if code == 421:
            self._good_bye = self._good_bye or reply
        if flight.refusal is None:
            flight.refusal = self._judge(reply, flight.jobs[0], Answered.MESSAGE)
        self._refused(flight)

    def _not_understood(self, flight: Flight, reply: Reply) -> None:
        """The server refused the command, not the message, which goes by DATA: this is proof that it has not got it."""
        words = f"the server offers CHUNKING and answered BDAT with {reply.code} {one_line(reply.text)}"
        self.completed += 1
        self._host.flight_lost()
        if flight.refusal is not None:
            self._refused(flight)
        else:
            job = flight.advance()
            self._move(job, Outcome(Kind.TRANSIENT, reply.code, enhanced_of(reply.text), words))
        self.cut(words)

    def _verdict(self, flight: Flight, reply: Reply) -> Outcome:
        """What became of a message whose content was accepted with this reply."""
        if flight.refusal is None:
            return accepted(reply)
        self._needs_reset = True
        if flight.is_refused:
            return flight.refusal
        words = "The server refused the message and then accepted its content"
        return Outcome(Kind.UNKNOWN, reply=f"{words}: {reply.code} {reply.text}")

    def _take_in(self, flight: Flight, outcomes: list[Outcome]) -> None:
        """The first messages of the flight have these outcomes."""
        self._host.observed(time.monotonic() - self.dot_at)
        self._has_flown = True
        self.completed += len(outcomes)
        for outcome in outcomes:
            self._host.finish(flight.advance(), outcome)

    def _refused(self, flight: Flight) -> None:
        """The first message of the flight was refused, or is for another connection."""
        refusal, moves = flight.refusal, flight.moves
        job = flight.advance()
        self._needs_reset = True
        if refusal is None:
            raise RuntimeError("a message that was not refused")
        if moves:
            self._move(job, refusal)
        else:
            self.completed += self._good_bye is None
            self._host.finish(job, refusal)

    def _move(self, job: Job, otherwise: Outcome) -> None:
        """Another connection may carry this message, once; else it ends with this outcome."""
        if job.moved:
            self._host.finish(job, otherwise)
        else:
            job.moved = True
            self._host.give_back(job)

    # --- landing

    def _landed(self, flight: Flight) -> None:
        """Every message of the flight is settled."""
        now = self._loop.time()
        self._flight, self.dot_at = None, math.inf
        self._reach.landed(now - flight.launched_at, now, size=flight.size, refused=flight.refused)
        if self._good_bye is not None:
            self.cut(goodbye(self._good_bye), self._good_bye)
        else:
            self._next()

    def check(self, now: float) -> None:
        if self._flight is None:
            super().check(now)
        elif now > self.expires:
            self.cut(f"no answer to a message within {self._limits[DOT]:g} s")

    def on_break(self, reason: str, reply: Reply | None) -> None:
        flight, self._flight = self._flight, None
        if flight is not None and flight.jobs:
            # after a 421 some servers go on: only a refused recipient proves that such a one did not take the content
            if flight.is_refused and (self._good_bye is None or flight.has_recipient is False):
                self._refused(flight)
            if flight.jobs:
                self._host.flight_lost()
            for job in flight.jobs:
                self._host.finish(job, Outcome(Kind.UNKNOWN, reply=f"No answer to its content: {reason}."))
        super().on_break(reason, reply or self._good_bye)
