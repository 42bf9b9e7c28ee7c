"""The way out of a batch: a pool's providers, their weights, rates and channels, as one worker child sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delivery.engine.outcome import Kind, Outcome
from delivery.letters import Channel
from delivery.models import CampaignPool, PoolMember, Provider
from delivery.providers import WeightedRoundRobin, default_pool
from delivery.runtime import Runtime
from delivery.throttle import Grant, TokenBucket


def not_attempted(reason: str) -> Outcome:
    """The outcome of a position that was claimed and of which nothing was given to a server."""
    return Outcome(Kind.NOT_ATTEMPTED, reply=reason)


@dataclass(frozen=True, slots=True)
class WindowGrant:
    """What the throttle lets out now, and by which provider. tokens 0 and wait_seconds 0: nothing can go out at all."""

    tokens: int
    wait_seconds: float
    provider_id: int | None


class PoolRoute:
    """The active providers of one pool, read when the batch begins."""

    def __init__(self, worker: Runtime, members: Sequence[PoolMember]) -> None:
        self._worker = worker
        self._providers: dict[int, Provider] = {member.provider_id: member.provider for member in members}
        self._turns = WeightedRoundRobin({member.provider_id: (member.tier, member.weight) for member in members})
        self._buckets = {
            provider.pk: TokenBucket(worker.redis, f"provider:{provider.pk}", provider.rate_per_second)
            for provider in self._providers.values()
            if provider.rate_per_second
        }

    @property
    def is_empty(self) -> bool:
        return not self._providers

    @property
    def latency_seconds(self) -> float:
        """From a final dot to its reply, at the slowest of the providers; 0 before anything was measured."""
        return self._worker.latency_seconds(self._providers)

    async def take(self, want: int, avoid: Sequence[int] = ()) -> WindowGrant:
        """Ask the providers in turn for up to `want` places. Raises redis.RedisError while Redis is away."""
        waits: list[float] = []
        tried = list(avoid)
        while (provider_id := self._turns.choose(tried)) is not None and provider_id not in tried[len(avoid) :]:
            bucket = self._buckets.get(provider_id)
            grant = await bucket.take(want) if bucket else Grant(want, 0.0)
            if grant.tokens:
                return WindowGrant(grant.tokens, 0.0, provider_id)
            waits.append(grant.wait_seconds)
            tried.append(provider_id)
        return WindowGrant(0, min(waits, default=0.0), None)

    async def give_back(self, provider_id: int | None, tokens: int) -> None:
        """Return places that were granted and not used."""
        bucket = self._buckets.get(provider_id) if provider_id is not None else None
        if bucket:
            await bucket.give_back(tokens)

    def window(self, provider_id: int | None, avoid: Sequence[int] = ()) -> WindowRoute:
        """The way of one window whose places were granted by `provider_id`."""
        return WindowRoute(self, provider_id, avoid)

    async def channel(self, provider_id: int) -> Channel:
        return await self._worker.channel(self._providers[provider_id])

    def choose(self, avoid: Sequence[int]) -> int | None:
        return self._turns.choose(avoid)


class WindowRoute:
    """First the provider that granted the window, unless it is to be avoided; then the others."""

    def __init__(self, pool: PoolRoute, provider_id: int | None, avoid: Sequence[int]) -> None:
        self._pool = pool
        self._granted = provider_id
        self._avoid = tuple(avoid)

    async def choose(self, avoid: Sequence[int] = ()) -> tuple[int, Channel] | None:
        """A provider and its channel, another than those to avoid where there is one."""
        shunned = (*self._avoid, *avoid)
        chosen = self._granted if self._granted not in (None, *shunned) else self._pool.choose(shunned)
        return None if chosen is None else (chosen, await self._pool.channel(chosen))


def _active_members(pool_id: int) -> list[PoolMember]:
    members = PoolMember.objects.filter(pool_id=pool_id, provider__state=Provider.State.ACTIVE)
    return list(members.select_related("provider"))


def open_route(worker: Runtime, campaign_id: int) -> PoolRoute:
    """The route of a campaign: its own pool's active providers, or the default marketing pool's."""
    chosen = CampaignPool.objects.filter(campaign_id=campaign_id).values_list("pool_id", flat=True).first()
    return PoolRoute(worker, _active_members(chosen or default_pool("marketing").pk))


def open_stream_route(worker: Runtime, pool_id: int | None) -> PoolRoute:
    """The route of transactional mail: the pool that a message names, or the default one."""
    return PoolRoute(worker, _active_members(pool_id or default_pool("transactional").pk))
