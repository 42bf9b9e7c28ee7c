"""What follows from an outcome: the one policy of trying again. Pure: time and chance are passed in."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from delivery.engine.outcome import Kind, Outcome

Status = Literal["deferred", "sent", "bounced_hard", "bounced_soft", "failed", "dead", "skipped", "unknown"]

# a server may name any time at all; nobody's mail waits for longer than this because of it
LONGEST_ASKED_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and after how long a stream tries again.

    transient: the waits after temporary failures, one for each retry; then the e-mail is dead. Each is shortened by
    chance by up to a half, so that what failed together does not come back together.
    soft: the wait after a soft bounce, `soft_retries` times; then bounced_soft.
    block: the wait before another provider tries what one was refused, `block_retries` times; then failed.
    throttle, not_attempted: waits of what was no try; they may repeat without end. Receivers ask for ten quiet minutes
    at least after a throttle: chance only adds to it, by up to a fifth.
    """

    transient: tuple[timedelta, ...] = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
    soft: timedelta = timedelta(hours=4)
    soft_retries: int = 3
    throttle: timedelta = timedelta(minutes=10)
    block: timedelta = timedelta(minutes=10)
    block_retries: int = 1
    not_attempted: timedelta = timedelta(seconds=60)

    @property
    def transient_retries(self) -> int:
        return len(self.transient)


DEFAULT = Policy()


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
    outcome: Outcome,
    tries: int,
    now: datetime,
    rng: random.Random,
    policy: Policy = DEFAULT,
    *,
    due_at: datetime | None = None,
) -> Decision:
    """Return the ledger status that follows from an outcome.

    tries: real attempts made BEFORE this one, 0 or more. due_at: a reserved time that a throttle gave; it is used
    where the outcome is not a try (throttle, not attempted), in place of the usual wait. Where the server named a
    time (outcome.retry_after_seconds), it replaces the policy's wait, and no reserved time is earlier than it.
    Raises ValueError for negative tries.
    """
    if tries < 0:
        raise ValueError("tries cannot be negative")
    final = _FINAL.get(outcome.kind)
    if final is not None:
        return final
    asked = _asked_for(outcome, now)
    match outcome.kind:
        case Kind.TRANSIENT:
            if tries >= policy.transient_retries:
                return Decision("dead", None, counts_as_try=True)
            wait = policy.transient[tries] * (0.5 + rng.random() / 2)
            return Decision("deferred", asked or now + wait, counts_as_try=True)
        case Kind.SOFT:
            if tries >= policy.soft_retries:
                return Decision("bounced_soft", None, counts_as_try=True)
            return Decision("deferred", asked or now + policy.soft, counts_as_try=True)
        case Kind.BLOCK:
            if tries >= policy.block_retries:
                return Decision("failed", None, counts_as_try=True)
            return Decision("deferred", now + policy.block, counts_as_try=True)
        case Kind.THROTTLE:
            wait = policy.throttle * (1.0 + rng.random() / 5)
            return Decision("deferred", _later(due_at, asked) or now + wait, counts_as_try=False)
        case Kind.NOT_ATTEMPTED:
            return Decision("deferred", _later(due_at, asked) or now + policy.not_attempted, counts_as_try=False)
    raise AssertionError(f"no policy for {outcome.kind}")


def decide(
    outcome: Outcome, tries: int, now: datetime, rng: random.Random, policy: Policy = DEFAULT
) -> datetime | None:
    """Return when to try again, or None for never; see `settle`."""
    return settle(outcome, tries, now, rng, policy).due_at


def _asked_for(outcome: Outcome, now: datetime) -> datetime | None:
    """When the server said to come back; None where it said nothing."""
    if outcome.retry_after_seconds is None:
        return None
    return now + timedelta(seconds=min(max(1.0, outcome.retry_after_seconds), LONGEST_ASKED_SECONDS))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    known = [time for time in (one, other) if time is not None]
    return max(known, default=None)
