"""The retry policy of a stream, as operators set it; the engine's own numbers where they set none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from delivery.database import AsyncConnection
from delivery.engine.retry import DEFAULT, Policy
from delivery.models import RetryPolicy

# a change in the admin is heard within this time; every window asks
KEPT_SECONDS = 5.0

# retry_policy: one row, by its unique stream. Cost: 0.1 ms, once in KEPT_SECONDS and process.
READ = """
SELECT transient_minutes, soft_minutes, soft_retries, throttle_minutes, block_minutes, block_retries
  FROM delivery_retrypolicy WHERE stream = %(stream)s
"""
FIELDS = ("transient_minutes", "soft_minutes", "soft_retries", "throttle_minutes", "block_minutes", "block_retries")

_kept: dict[str, tuple[float, Policy]] = {}


def load(stream: str) -> Policy:
    """The policy of "marketing" or "transactional", at most KEPT_SECONDS old."""
    kept = _remembered(stream)
    if kept is not None:
        return kept
    return _remember(stream, RetryPolicy.objects.filter(stream=stream).values_list(*FIELDS).first())


async def load_async(connection: AsyncConnection, stream: str) -> Policy:
    """As `load`, over a worker's connection, also inside its transaction. Raises what a lost server raises."""
    kept = _remembered(stream)
    if kept is not None:
        return kept
    return _remember(stream, await (await connection.execute(READ, {"stream": stream})).fetchone())


def forget() -> None:
    """Read anew at the next call of this process."""
    _kept.clear()


def policy_of(row: RetryPolicy) -> Policy:
    """The value of a row, saved or not."""
    return _policy([getattr(row, name) for name in FIELDS])


def _remembered(stream: str) -> Policy | None:
    until, policy = _kept.get(stream, (0.0, DEFAULT))
    return policy if time.monotonic() < until else None


def _remember(stream: str, row: Sequence[Any] | None) -> Policy:
    policy = DEFAULT if row is None else _policy(row)
    _kept[stream] = (time.monotonic() + KEPT_SECONDS, policy)
    return policy


def _policy(row: Sequence[Any]) -> Policy:
    transient, soft, soft_retries, throttle, block, block_retries = row
    return Policy(
        transient=tuple(timedelta(minutes=minutes) for minutes in transient),
        soft=timedelta(minutes=soft),
        soft_retries=soft_retries,
        throttle=timedelta(minutes=throttle),
        block=timedelta(minutes=block),
        block_retries=block_retries,
    )
