"""Watching a campaign from outside: numbers and batches at every poll, the identity checked each time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, connection

from bench.crash_world import BatchRow, World
from campaigns.models import Campaign
from delivery.numbers import Numbers, campaign_numbers

POLL_SECONDS = 0.05
OVER = (Campaign.State.SENT, Campaign.State.CANCELLED)


@dataclass
class Watch:
    """A thread that polls until closed. polls: how often the identity was looked at. broken: what it found wrong."""

    world: World
    numbers: Numbers | None = None
    batches: list[BatchRow] = field(default_factory=list)
    polls: int = 0
    broken: list[str] = field(default_factory=list)
    recovered_at: float | None = None
    _goal: dict[int, int] | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def progress(self) -> float:
        """The settled part of the audience, 0 to 1."""
        found = self.numbers
        return (found.audience - found.pending) / found.audience if found and found.audience else 0.0

    @property
    def is_over(self) -> bool:
        """Nothing is pending, deferred or open any more, and the campaign says so."""
        found = self.numbers
        if found is None or found.state not in OVER or found.pending or found.deferred:
            return False
        return bool(self.batches) and all(batch.state == "done" for batch in self.batches)

    def faults_are_over(self) -> bool:
        """From now on: when is all that was claimed until now settled? `recovered_at` says it. Always True."""
        self._goal = {batch.id: batch.cursor for batch in self.world.batches()}
        return True

    def _run(self) -> None:
        while not self._closing.wait(POLL_SECONDS):
            try:
                self._poll()
            except (DatabaseError, InterfaceError):
                # a fault took the database away; Django opens a new connection then
                connection.close()
        connection.close()

    def _poll(self) -> None:
        numbers = campaign_numbers(self.world.campaign_id)
        self.polls += 1
        least = min(value for value in numbers.as_dict().values() if isinstance(value, int))
        if not numbers.adds_up or least < 0:
            self.broken.append(f"the identity does not hold: {numbers}")
        goal = self._goal
        batches = self.world.batches()
        if goal is not None and self.recovered_at is None and all(_is_settled(batch, goal) for batch in batches):
            self.recovered_at = time.monotonic()
        self.numbers, self.batches = numbers, batches


def _is_settled(batch: BatchRow, goal: dict[int, int]) -> bool:
    """Everything that was claimed of it stands in the ledger. Retries do not count what others settled."""
    return batch.state == "done" or batch.id not in goal or batch.recorded >= goal[batch.id]
