"""Circuit breakers of providers, shared by all workers through Redis.

closed: mail flows. open: nobody tries, after too many messages for which the provider could not be reached or fell
silent. half: its time is over, and one worker tries a few messages; they decide between closed and open for longer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import redis
from django.conf import settings

from delivery.throttle import circuit_key, script

if TYPE_CHECKING:
    from redis.asyncio import Redis

# so many failed messages, and at least as many as went well, within this span; or three failed windows in a row
LEAST_FAILURES = 10
SPAN_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 300.0

Change = Literal["opened", "closed", ""]


class Breaker:
    """Where a worker process reports what became of its windows."""

    def __init__(self, client: Redis) -> None:
        self._report: Any = client.register_script(script("circuit"))

    async def report(self, provider_id: int, good: int, bad: int) -> Change:
        """Count messages that the provider answered, and those for which it was away; what that changed.

        Raises redis.RedisError.
        """
        answer = await self._report(
            keys=[circuit_key(provider_id)],
            args=[good, bad, LEAST_FAILURES, SPAN_SECONDS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS],
        )
        change: Change = answer.decode()
        return change


@dataclass(frozen=True, slots=True)
class Circuit:
    """state: "closed", "open" or "half". until: when the next try is due, None for a closed one."""

    state: Literal["closed", "open", "half"]
    until: dt.datetime | None = None
    failures: int = 0


def read(provider_ids: Iterable[int]) -> dict[int, Circuit]:
    """The circuits of some providers, for pages and metrics. Raises redis.RedisError."""
    ids = list(provider_ids)
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
        pipeline = client.pipeline(transaction=False)
        for provider_id in ids:
            pipeline.hmget(circuit_key(provider_id), "state", "until", "bad")
        return {number: _circuit(*values) for number, values in zip(ids, pipeline.execute(), strict=True)}


def reset(provider_id: int) -> None:
    """Close the circuit by hand: a person has mended the provider. Raises redis.RedisError."""
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
        client.delete(circuit_key(provider_id))


def _circuit(state: bytes | None, until: bytes | None, bad: bytes | None) -> Circuit:
    if state in (None, b"closed"):
        return Circuit("closed", failures=int(bad or 0))
    moment = dt.datetime.fromtimestamp(float(until or 0), dt.UTC)
    return Circuit("half" if state == b"half" else "open", moment)
