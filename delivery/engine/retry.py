"""What follows from an outcome: the one policy of trying again. Pure: time and chance are passed in."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from delivery.engine.outcome import Kind, Outcome

Status = Literal["deferred", "sent", "bounced_hard", "bounced_soft", "failed", "dead", "skipped", "unknown"]

TRANSIENT_DELAYS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
SOFT_DELAY = timedelta(hours=4)
SOFT_RETRIES = 3
# receivers ask for ten quiet minutes at least after a throttle: jitter only adds to it
THROTTLE_DELAY = timedelta(minutes=10)
BLOCK_DELAY = timedelta(minutes=10)
BLOCK_RETRIES = 1
NOT_ATTEMPTED_DELAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Decision:
    """The ledger's next status. due_at: when to try again, None for never. counts_as_try: `tries` rises by one."""

    status: Status
    due_at: datetime | None
    counts_as_try: bool


_FINAL: Mapping[Kind, Decision] = {
    Kind.ACCEPTED: Decision("sent", None, counts_as_try=True),
    Kind.HARD: Decision("bounced_hard", None, counts_as_try=True),
    Kind.CONTENT: Decision("failed", None, counts_as_try=True),
    Kind.SENDER: Decision("failed", None, counts_as_try=True),
    Kind.UNDETERMINED: Decision("failed", None, counts_as_try=True),
    Kind.RENDER_ERROR: Decision("failed", None, counts_as_try=False),
    Kind.SKIPPED: Decision("skipped", None, counts_as_try=False),
    # it may have been accepted: only a person may decide on another attempt
    Kind.UNKNOWN: Decision("unknown", None, counts_as_try=True),
}


def settle(
    outcome: Outcome, tries: int, now: datetime, rng: random.Random, *, due_at: datetime | None = None
) -> Decision:
    """Return the ledger status that follows from an outcome.

    tries: real attempts made BEFORE this one, 0 or more. due_at: a reserved time that a throttle gave; it is used
    where the outcome is not a try (throttle, not attempted), in place of the usual wait.
    Raises ValueError for negative tries.
    """
    if tries < 0:
        raise ValueError("tries cannot be negative")
    final = _FINAL.get(outcome.kind)
    if final is not None:
        return final
    match outcome.kind:
        case Kind.TRANSIENT:
            if tries >= len(TRANSIENT_DELAYS):
                return Decision("dead", None, counts_as_try=True)
            return Decision("deferred", now + TRANSIENT_DELAYS[tries] * _half_to_one(rng), counts_as_try=True)
        case Kind.SOFT:
            if tries >= SOFT_RETRIES:
                return Decision("bounced_soft", None, counts_as_try=True)
            return Decision("deferred", now + SOFT_DELAY, counts_as_try=True)
        case Kind.BLOCK:
            if tries >= BLOCK_RETRIES:
                return Decision("failed", None, counts_as_try=True)
            return Decision("deferred", now + BLOCK_DELAY, counts_as_try=True)
        case Kind.THROTTLE:
            wait = THROTTLE_DELAY * (1.0 + rng.random() / 5)
            return Decision("deferred", due_at or now + wait, counts_as_try=False)
        case Kind.NOT_ATTEMPTED:
            return Decision("deferred", due_at or now + NOT_ATTEMPTED_DELAY, counts_as_try=False)
    raise AssertionError(f"no policy for {outcome.kind}")


def decide(outcome: Outcome, tries: int, now: datetime, rng: random.Random) -> datetime | None:
    """Return when to try again, or None for never; see `settle`."""
    return settle(outcome, tries, now, rng).due_at


def _half_to_one(rng: random.Random) -> float:
    return 0.5 + rng.random() / 2
