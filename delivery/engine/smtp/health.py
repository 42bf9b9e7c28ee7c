"""What a pool has learned of its server: how long to stay away, when to give up, how many connections it bears."""

from __future__ import annotations

import random

from delivery.engine.smtp.failures import SetupFailed
from delivery.engine.smtp.pacing import backoff_delay

ATTEMPTS = 3
PATIENCE_SECONDS = 1.0
CEILING_STEP_SECONDS = 10.0
# a wrong password tried every quarter of a second locks accounts: begin with some 8 s
_PERMANENT_FAILURES = 6


class Health:
    """Failures in a row and the ceiling of connections. All times are loop times in seconds."""

    __slots__ = ("_last", "_max", "_paused_until", "_raised_at", "_rng", "ceiling", "failures")

    def __init__(self, max_connections: int, rng: random.Random) -> None:
        self.ceiling = self._max = max_connections
        self.failures = 0
        self._rng = rng
        self._paused_until = 0.0
        self._raised_at = 0.0
        self._last: SetupFailed | None = None

    def may_open(self, now: float) -> bool:
        """True when the pause after the last failure is over."""
        return now >= self._paused_until

    def failed(self, now: float, error: SetupFailed) -> None:
        """A session could not be opened, or ended before it served. Failures at the same moment count once."""
        self._last = error
        if self.may_open(now):
            self.failures = max(self.failures + 1, _PERMANENT_FAILURES if error.permanent else 0)
            self._paused_until = now + backoff_delay(self.failures, self._rng)

    def served(self) -> None:
        """A session has carried mail: whatever failed before is over."""
        self.failures, self._paused_until, self._last = 0, 0.0, None

    @property
    def is_given_up(self) -> bool:
        """True when another try at once is not worth the waiting messages' time."""
        return self._last is not None and (self._last.permanent or self.failures >= ATTEMPTS)

    def hopeless(self, now: float) -> SetupFailed | None:
        """Return the last failure while the pause is too long to wait for, else None."""
        return self._last if self._paused_until - now > PATIENCE_SECONDS else None

    def lower_ceiling(self, now: float, connections: int) -> None:
        """The server wants no more than these connections for now."""
        self.ceiling = max(1, min(self.ceiling, connections))
        self._raised_at = now

    def raise_ceiling(self, now: float) -> None:
        """One connection more every `CEILING_STEP_SECONDS`, up to the maximum."""
        if self.ceiling < self._max and now - self._raised_at > CEILING_STEP_SECONDS:
            self.ceiling += 1
            self._raised_at = now
