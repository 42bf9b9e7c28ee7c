"""The way of one window: the provider that granted it, then the others, each by its own leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from delivery.database import DatabaseAway
from delivery.engine.outcome import Kind, Outcome
from delivery.letters import AnyLetter

if TYPE_CHECKING:
    from delivery.routes import PoolRoute, WindowGrant

WHY_WAIT = {
    "rate": "throttled by our own limits",
    "quota": "today's quota is used up",
    "slowed": "slowed down: the receiver asked for less",
    "silence": "silent for a while: the receiver asked for it",
    "circuit": "the provider could not be reached lately",
}
# of these nothing was handed over, so their places are free
LEFT_NO_TRACE = frozenset({Kind.NOT_ATTEMPTED, Kind.RENDER_ERROR})


@dataclass(frozen=True, slots=True)
class Way:
    """A provider and how many letters it may be given now. grant: whose places these are."""

    provider_id: int
    places: int
    grant: WindowGrant


class WindowRoute:
    """First the provider that granted the window, unless it is to be avoided; then the others, each by its own leave.

    avoid: providers to pass over where there is another one; may be changed between parts of a window. wait_seconds,
    why: what the last refusal said. What was granted and not used goes back with `settle`.
    """

    def __init__(self, pool: PoolRoute, grant: WindowGrant) -> None:
        self.avoid: tuple[int, ...] = ()
        self.wait_seconds: float | None = None
        self.why = "no active provider in the pool"
        self._pool = pool
        self._unused: list[tuple[WindowGrant, int]] = [(grant, grant.places)] if grant.asked else []

    async def way(self, count: int, tried: Sequence[int]) -> Way | None:
        """A provider that was not tried, with places for some of `count` letters; None when there is none now."""
        shunned = {*tried, *self.avoid}
        for place, (grant, places) in enumerate(self._unused):
            if grant.asked and places and grant.asked.provider_id not in shunned:
                del self._unused[place]
                return Way(grant.asked.provider_id, places, grant)
        return await self._another(count, tried)

    async def _another(self, count: int, tried: Sequence[int]) -> Way | None:
        if not any(member.provider_id not in tried for member in self._pool.members):
            return None
        try:
            grant = await self._pool.take(count, avoid=self.avoid, tried=tried)
        except (RedisError, *DatabaseAway) as error:
            # others of the window may have been handed over already: nothing may be raised here
            self.why = f"no throttle without Redis and database: {error}"
            return None
        if grant.asked is None:
            if grant.wait_seconds:
                self.wait_seconds, self.why = grant.wait_seconds, WHY_WAIT.get(grant.why, grant.why)
            return None
        return Way(grant.asked.provider_id, grant.places, grant)

    async def send(self, way: Way, letters: Sequence[AnyLetter]) -> list[Outcome]:
        """Hand the letters to the provider of `way`; what it did not attempt leaves its place for others."""
        outcomes = await self._pool.send(way.provider_id, letters, is_probe=way.grant.is_probe)
        went_out = sum(one.kind not in LEFT_NO_TRACE for one in outcomes)
        self._unused.append((way.grant, way.places - went_out))
        return outcomes

    async def settle(self) -> None:
        """Give back what was not used."""
        for grant, places in self._unused:
            await self._pool.give_back(grant, places)
        self._unused = []
