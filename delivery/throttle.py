"""Token buckets, quotas and the pace of receivers in Redis: one Lua script a window, on the server's clock.

A throttle grants places and tells a wait; it never sleeps. All that it is asked for is asked at once, so that nothing
is taken from one limit when another one says no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivery.limits import Limit

if TYPE_CHECKING:
    from redis.asyncio import Redis

# a half-open circuit lets so many messages through, once in so many seconds
PROBE_SIZE = 5
PROBE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Grant:
    """places: how many may be sent now. wait_seconds: when asking again makes sense.

    why: "" for a grant, else "rate", "quota", "slowed" (a receiver asked for less), "silence" (it asked for none) or
    "circuit". is_probe: the circuit is half open, and what becomes of these places decides.
    """

    places: int
    wait_seconds: float = 0.0
    why: str = ""
    is_probe: bool = False

    @property
    def is_ill(self) -> bool:
        """True where others should take over: a rate passes, an open circuit or an empty quota lasts."""
        return self.why in ("circuit", "quota")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about. provider_id and group: whose circuit and pace count; limits: all of them hold."""

    provider_id: int
    group: str
    limits: Sequence[Limit] = ()

    def keys(self) -> list[str]:
        return [pace_key(self.provider_id, self.group), *(f"limit:{limit.key}" for limit in self.limits)]

    def arguments(self) -> list[str | float]:
        found: list[str | float] = []
        for limit in self.limits:
            found += ["quota" if limit.is_quota else "rate", limit.amount, limit.per_seconds]
        return found


def circuit_key(provider_id: int) -> str:
    return f"circuit:{provider_id}"


def pace_key(provider_id: int, group: str) -> str:
    return f"pace:{provider_id}:{group}"


@cache
def script(name: str) -> str:
    """The text of a Lua script of this app."""
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text()


class Unseeded(Exception):
    """Redis has forgotten a quota: count what left in its period, `seed` it, and ask again. limit: which one."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        super().__init__(limit.key)


class Throttle:
    """The limits as one worker process reaches them. Every method raises redis.RedisError when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take: Any = redis.register_script(script("take"))
        self._give_back: Any = redis.register_script(script("give_back"))
        self._slow_down: Any = redis.register_script(script("slow_down"))

    async def take(self, asked: Asked, want: int, *, overdraw: bool = False) -> Grant:
        """Up to `want` places, at once.

        overdraw: transactional mail may borrow a second's worth from its limits, which campaigns then pay back.
        Raises Unseeded.
        """
        places, wait, why, probe = await self._take(
            keys=[circuit_key(asked.provider_id), *asked.keys()],
            args=[want, int(overdraw), PROBE_SIZE, PROBE_SECONDS, *asked.arguments()],
        )
        reason = why.decode()
        if reason.startswith("unseeded:"):
            raise Unseeded(asked.limits[int(reason.partition(":")[2])])
        return Grant(int(places), float(wait), reason, bool(probe))

    async def give_back(self, asked: Asked, places: int) -> None:
        """Return what was granted and not used."""
        if places > 0:
            await self._give_back(keys=asked.keys(), args=[places, *asked.arguments()])

    async def seed(self, limit: Limit, used: int) -> None:
        """Tell Redis what a quota has used up in the present period; what another worker told it first stands."""
        seconds, _ = await self._redis.time()
        key = f"limit:{limit.key}"
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hsetnx(key, "used", str(used))
            pipeline.hsetnx(key, "period", str(seconds // limit.per_seconds))
            pipeline.expire(key, 2 * limit.per_seconds)
            await pipeline.execute()

    async def slow_down(self, provider_id: int, group: str, silence_seconds: float = 0.0) -> float | None:
        """Halve what goes by this provider to this group, or send nothing for a while and begin anew at a tenth.

        The pace from now on in e-mails a second, None where it was slowed down a moment ago. Success earns it back: a
        quarter more after each ten seconds without a new complaint, until what flowed before is reached.
        """
        pace = await self._slow_down(keys=[pace_key(provider_id, group)], args=[silence_seconds])
        return float(pace) if pace else None
