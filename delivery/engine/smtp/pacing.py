"""How many connections, and how long to wait before the next try: arithmetic without a network."""

from __future__ import annotations

import math
import random

FAST_SECONDS = 0.002
FAST_CONNECTIONS = 4
DRAIN_SECONDS = 0.010
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 30.0
_SAMPLES = 16


def wanted_connections(waiting: int, busy: int, latency: float | None, ceiling: int) -> int:
    """Return how many connections should carry what is waiting and under way.

    latency: seconds from a final dot to its reply, None before anything was measured.
    A connection carries one message per latency. Below `FAST_SECONDS` a few keep both ends busy and more would only
    cost memory; above it as many as drain the queue within `DRAIN_SECONDS`, so that at 50 ms everything that waits is
    in flight. Never more than there are messages, never more than `ceiling`.
    """
    if latency is None:
        return min(1, waiting + busy, ceiling)
    if latency < FAST_SECONDS:
        return min(FAST_CONNECTIONS, waiting + busy, ceiling)
    needed = math.ceil(waiting * latency / DRAIN_SECONDS)
    return min(max(FAST_CONNECTIONS, needed), waiting + busy, ceiling)


def backoff_delay(failures: int, rng: random.Random) -> float:
    """Return the seconds to wait after the n-th failure in a row (n from 1): doubling, half of it at random."""
    full = min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(failures - 1, 20))
    return full * (0.5 + rng.random() / 2)


class Latency:
    """The smallest of the last few measurements: what the server takes, without what our own busy loop adds."""

    __slots__ = ("_best", "_count", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self._best = math.inf
        self._count = 0

    def observe(self, seconds: float) -> None:
        """Take one measurement into account."""
        if seconds < self._best:
            self._best = seconds
        self._count += 1
        if self._count >= _SAMPLES or self.value is None:
            self.value, self._best, self._count = self._best, math.inf, 0

    def at_least(self, seconds: float) -> None:
        """A reply has been outstanding for so long: the latency cannot be smaller."""
        if self.value is None or seconds > self.value:
            self.value = seconds
