"""The book-keeping of one window: which message belongs where in the answer, and when the answer is complete."""

from __future__ import annotations

import asyncio
from typing import cast

from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.endpoint import SmtpMessage


class Window:
    """Collects one outcome for each message; `result()` waits for the last of them."""

    __slots__ = ("_done", "_outcomes", "_remaining", "cancelled")

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self._outcomes: list[Outcome | None] = [None] * size
        self._remaining = size
        self._done: asyncio.Future[None] = loop.create_future()
        self.cancelled = False

    def settle(self, index: int, outcome: Outcome) -> None:
        """Freeze the outcome of one position. A second outcome for it would be a fault of ours: RuntimeError."""
        if self._outcomes[index] is not None:
            raise RuntimeError("a message was settled twice")
        self._outcomes[index] = outcome
        self._remaining -= 1
        if self._remaining == 0 and not self._done.done():
            self._done.set_result(None)

    async def result(self) -> list[Outcome]:
        """Wait until every position is settled and return the outcomes in order."""
        await self._done
        return cast(list[Outcome], self._outcomes)


class Job:
    """One message on its way. moved: it was already given to a second connection, there is no third."""

    __slots__ = ("index", "message", "moved", "window")

    def __init__(self, message: SmtpMessage, window: Window, index: int) -> None:
        self.message = message
        self.window = window
        self.index = index
        self.moved = False


def not_attempted(reason: str, code: int | None = None, enhanced: str | None = None) -> Outcome:
    """The outcome of a message of which nothing was given to a server."""
    return Outcome(Kind.NOT_ATTEMPTED, code, enhanced, reason)


def too_late() -> Outcome:
    """The outcome of a message whose deadline passed while it waited; its rule is "late"."""
    return Outcome(Kind.NOT_ATTEMPTED, reply="Its time was over before it could be sent.", rule="late")
