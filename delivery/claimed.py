"""What a worker child has claimed and not recorded: how much more it may claim, with a batch that ends beside it.

A batch begins when the one before it has nothing left to claim, while the last windows of that one are on their way:
else a child would stand still for a round trip at the end of each. The bound on what a crash costs is one for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from delivery import bound


class Claimed:
    """The positions of one batch. window: positions of a window. most: that may be claimed and not recorded.

    before: those of the batch that was begun before this one and may still be on its way.
    """

    def __init__(self, window: int, most: int, before: Claimed | None = None) -> None:
        self.window = window
        self.count = 0
        self._most = bound.claimed_limit(window, most)
        self._before = before
        self._has_ended = False
        self._moved = asyncio.Event()

    @property
    def before(self) -> Claimed | None:
        """The batch before, as long as it holds any."""
        if self._before is not None and (self._before._has_ended or not self._before.count):
            self._before = None
        return self._before

    def add(self, count: int) -> None:
        self.count += count

    def settle(self, count: int) -> None:
        """So many have their outcome in the ledger."""
        self.count -= count
        self._moved.set()

    def end(self) -> None:
        """Nothing of the batch is on its way any more."""
        self._has_ended = True
        self._moved.set()

    def size(self, windows: int) -> int:
        """Positions of so many windows, fewer where they are more than may be claimed at all."""
        return min(windows * self.window, self._most)

    def room(self, in_hand: int) -> int:
        """How many more may be claimed in the transaction that records those in hand; negative where too many are."""
        limit, before = self._most, self.before
        if before is not None:
            # as many large messages as memory bears may be fewer than small ones
            limit = min(limit, before._most) - before.count
        return limit - self.count + in_hand

    async def wait(self, running: Iterable[asyncio.Task[object]]) -> None:
        """Until one of the running windows is through, or the batch before has recorded some of its own."""
        before = self.before
        if before is None:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            return
        before._moved.clear()
        moved = asyncio.create_task(before._moved.wait())
        try:
            await asyncio.wait({*running, moved}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()
