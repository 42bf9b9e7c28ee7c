"""Several messages in one write, where a relay offers CHUNKING (RFC 3030): their content waits for no 354.

A write and a read then carry up to `MOST_MESSAGES` of them, near a relay and far from one. The price: what a lost
connection leaves without an answer may have been accepted, all of it. So a connection begins with one message, a
flight grows only while the relay answers quickly, and a pool that has lost one goes back to DATA for an hour.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from delivery.engine.outcome import Outcome
from delivery.engine.smtp.replies import MAX_LINE_BYTES
from delivery.engine.smtp.window import Job

MOST_MESSAGES = 24
# to a relay that refused one lately: Postfix hangs up after twenty errors without a message between them, each refused
# message is two, and what flies behind the last of them would be unknown
CAREFUL_MESSAGES = 8
# so many accepted one after the other make refusals unlikely
SURE_MESSAGES = 100
FIRST_MESSAGES = 2
# what a connection carries on average, for the number of connections
USUAL_MESSAGES = 8
MOST_BYTES = 1024 * 1024
# a relay that takes longer over a flight would soon take longer than a step may
QUICK_SECONDS = 1.0
# Postfix answers later and later after ten errors without a message between them
REFUSED_SHARE = 0.5
# a connection that was silent for longer may be gone without our knowing: it is tried with one message by DATA
HEARD_SECONDS = 1.0
REST_SECONDS = 60.0
GROUNDED_SECONDS = 3600.0

# which reply to a message is awaited
RSET, MAIL, RCPT, CONTENT = range(4)
# the server does not know BDAT and takes the content for commands: what it says from here on answers none of ours
UNKNOWN_COMMAND = frozenset({500, 502})
# no verdict on a message either, where its recipient was accepted
COMMAND_REFUSED = UNKNOWN_COMMAND | {501, 503, 504}


class Flight:
    """Messages that left together. Each is answered by four replies in order: to RSET, MAIL, RCPT and BDAT.

    RSET comes first because a transaction whose recipient was refused stays open: the next recipient would join it.
    step: which reply to the first of `jobs` comes next, RSET to CONTENT. refusal: the first refusal of it.
    has_recipient: what was said to its RCPT, None before that. size, refused: messages of it, refused ones.
    """

    __slots__ = ("has_recipient", "jobs", "launched_at", "moves", "refusal", "refused", "size", "step")

    def __init__(self, jobs: Sequence[Job], launched_at: float) -> None:
        self.jobs = deque(jobs)
        self.launched_at = launched_at
        self.size, self.refused = len(jobs), 0
        self.step = RSET
        self.refusal: Outcome | None = None
        self.has_recipient: bool | None = None
        # the refusal was a good-bye to the session, not a verdict on the message
        self.moves = False

    def usual(self, data: bytes, head: bytes) -> list[bytes] | None:
        """The last lines, without their ends, of whole answers to accepted messages; None where anything is unusual.

        head: how this server answers RSET, MAIL and RCPT when it accepts them.
        """
        if not head or self.step != RSET:
            return None
        first, *lines = data.split(head)
        if first or len(lines) > len(self.jobs):
            return None
        for line in lines:
            if line[:4] != b"250 " or line[-2:] != b"\r\n" or line.count(b"\n") != 1 or len(line) > MAX_LINE_BYTES:
                return None
        return [line[:-2] for line in lines]

    @property
    def is_refused(self) -> bool:
        """The first message was refused, and nothing that the server said since leaves a way to be delivered.

        Where it refuses MAIL and then accepts the recipient, a transaction is open all the same.
        """
        return self.refusal is not None and self.has_recipient is not True

    def advance(self) -> Job:
        """The first message is settled, and returned: what comes next is about the one behind it."""
        self.refused += self.refusal is not None
        self.step, self.refusal, self.has_recipient, self.moves = RSET, None, None, False
        return self.jobs.popleft()


class Reach:
    """How many messages the next flight of a connection may have. Times are loop times in seconds."""

    __slots__ = ("_accepted", "_shrunk_at", "messages")

    def __init__(self) -> None:
        self.messages = FIRST_MESSAGES
        # in a row
        self._accepted = 0
        self._shrunk_at = 0.0

    def may_fly(self, now: float) -> bool:
        """False for a while after a relay was so slow that two messages were too many, or refused many."""
        if self.messages < FIRST_MESSAGES and now - self._shrunk_at > REST_SECONDS:
            self.messages = FIRST_MESSAGES
        return self.messages >= FIRST_MESSAGES

    def landed(self, seconds: float, now: float, *, size: int, refused: int = 0) -> None:
        """A whole flight of `size` messages was answered after so long. refused: so many of them."""
        self._accepted = 0 if refused else self._accepted + size
        if refused >= REFUSED_SHARE * size:
            self.messages, self._shrunk_at = 1, now
        elif seconds < QUICK_SECONDS:
            most = MOST_MESSAGES if self._accepted >= SURE_MESSAGES else CAREFUL_MESSAGES
            self.messages = min(most, self.messages * 2)
        else:
            self.messages, self._shrunk_at = self.messages // 2, now


def usual_messages(size: int) -> int:
    """How many messages of so many bytes a connection carries in a flight on average, one at least."""
    return max(1, min(USUAL_MESSAGES, MOST_BYTES // size))


class Grounds:
    """Whether a pool may send flights at all."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = -math.inf

    def lost(self, now: float) -> None:
        """A flight was left without answers, or the server does not take BDAT though it offers it."""
        self._until = now + GROUNDED_SECONDS

    def may_fly(self, now: float) -> bool:
        return now >= self._until


def usual_head(data: bytes) -> bytes:
    """The answers to RSET, MAIL and RCPT at the beginning of `data`, where each is one line that accepts; else b""."""
    lines = data.split(b"\r\n", 3)
    if len(lines) < 4 or b"\n" in b"".join(lines[:3]):
        return b""
    is_accepted = all(line[:3] == b"250" and line[3:4] == b" " for line in lines[:3])
    return data[: len(data) - len(lines[3])] if is_accepted else b""
