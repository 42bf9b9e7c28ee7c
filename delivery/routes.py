"""The way out of a batch: a pool's providers, their turns, limits and circuits, as one worker child sees them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from redis.exceptions import RedisError

from campaigns.models import Campaign
from delivery import metrics, usage_book
from delivery.directory import REFRESH_SECONDS, Directory, Member
from delivery.engine.outcome import Kind, Outcome
from delivery.feedback import Feedback, pace_group
from delivery.letters import AnyLetter
from delivery.limits import Limit
from delivery.runtime import Runtime
from delivery.selection import least_loaded
from delivery.throttle import Asked, Grant, Unseeded
from delivery.window_route import WindowRoute

logger = logging.getLogger(__name__)

# quotas are raised, providers added and pauses ended by people at any moment: nobody waits longer before asking again
LONGEST_WAIT_SECONDS = 600.0


# a question to Redis costs a child 0.1 ms: one for sixteen windows
GRANTED_AHEAD = 768
# outcomes from which circuit or pace follow
TROUBLE = frozenset({Kind.THROTTLE, Kind.BLOCK, Kind.SENDER, Kind.NOT_ATTEMPTED, Kind.UNKNOWN})


def not_attempted(reason: str, retry_after_seconds: float | None = None) -> Outcome:
    """The outcome of a position that was claimed and of which nothing was given to a server."""
    return Outcome(Kind.NOT_ATTEMPTED, reply=reason, retry_after_seconds=retry_after_seconds)


@dataclass(frozen=True, slots=True)
class WindowGrant:
    """What may go out now, and by which provider. No places and no wait: nothing can go out at all.

    asked: what the places were taken from. why: as in Grant, "" with places.
    """

    places: int
    wait_seconds: float
    asked: Asked | None = None
    is_probe: bool = False
    why: str = ""


@dataclass
class PoolRoute:
    """The active providers of one pool for mail to one mailbox group.

    sender: the From address. own_limits: those of the campaign and of its author, beside the providers'. overdraw: see
    Throttle.take.
    """

    worker: Runtime
    pool_id: int | None
    stream: str
    group: str
    sender: str = ""
    own_limits: Sequence[Limit] = ()
    overdraw: bool = False
    _directory: Directory | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)
    # granted for windows to come; only where no limit counts them, so that nobody waits for them
    _ahead: WindowGrant | None = field(default=None, init=False)
    _is_free: bool = field(default=False, init=False)

    @property
    def directory(self) -> Directory:
        if self._directory is None:
            raise RuntimeError("A route is refreshed before it is used.")
        return self._directory

    @property
    def members(self) -> tuple[Member, ...]:
        """The active providers of the pool; empty where there is none."""
        return self.directory.pool(self.pool_id, self.stream).members

    @property
    def latency_seconds(self) -> float:
        """Until an accepted message is answered, at the slowest of the providers; 0 before anything was measured."""
        return self.worker.latency_seconds(member.provider_id for member in self.members)

    @property
    def is_free(self) -> bool:
        """No limit counts what is sent, whichever provider sends it. One may be silent, slow or away all the same."""
        members = self.members
        return bool(members) and not any(self._asked(self.directory, one.provider_id).limits for one in members)

    async def refresh(self, *, now: bool = False) -> None:
        """Read the directory again where it is older than REFRESH_SECONDS, or `now`. Raises one of DatabaseAway."""
        if self._directory is None or now or time.monotonic() - self._read_at > REFRESH_SECONDS:
            self.use(await self.worker.read_directory())

    def use(self, directory: Directory, read_at: float | None = None) -> None:
        """Go by this directory. read_at: by time.monotonic(), None for just now."""
        self._directory, self._read_at = directory, time.monotonic() if read_at is None else read_at

    async def take(self, want: int, avoid: Sequence[int] = (), tried: Sequence[int] = ()) -> WindowGrant:
        """Ask the providers in turn for up to `want` places.

        avoid: providers to pass over where there is another one that is well. tried: those not to ask at all.
        Raises redis.RedisError, and one of DatabaseAway where Redis has forgotten a quota.
        """
        # one for the whole question: the batch may read it again meanwhile, without a provider that stands in ours
        directory = self.directory
        members = [one for one in directory.pool(self.pool_id, self.stream).members if one.provider_id not in tried]
        others = [member for member in members if member.provider_id not in avoid]
        found = await self._take(directory, others, want)
        if found.places or not avoid or (others and found.why not in ("circuit", "quota")):
            return found
        return await self._take(directory, [member for member in members if member.provider_id in avoid], want)

    async def take_ahead(self, want: int, left: int) -> WindowGrant:
        """As `take`; where nothing limits the only provider, the places of the next windows are asked for with it.

        left: positions that the batch will ask for, those of this window included.
        """
        kept, self._ahead = self._ahead, None
        if kept is None or kept.places < want:
            await self.settle_ahead(kept)
            asked = max(want, min(left, GRANTED_AHEAD)) if self._is_free else want
            kept = await self.take(want=asked)
            self._is_free = kept.places == asked and self._has_no_limit(kept)
            if kept.places <= want:
                return kept
        if kept.places > want:
            self._ahead = replace(kept, places=kept.places - want)
        return replace(kept, places=want)

    async def settle_ahead(self, kept: WindowGrant | None = None) -> None:
        """Give back what was granted for windows that do not come."""
        left, self._ahead = kept or self._ahead, None
        if left is not None:
            await self.give_back(left, left.places)

    def _has_no_limit(self, grant: WindowGrant) -> bool:
        return grant.asked is not None and not grant.asked.limits and not grant.is_probe and len(self.members) == 1

    async def _take(self, directory: Directory, members: Sequence[Member], want: int) -> WindowGrant:
        refusals: list[Grant] = []
        for tier in _by_tier(members):
            untried, refused = list(tier), list[Grant]()
            while untried:
                member = self._best(untried)
                asked = self._asked(directory, member.provider_id)
                grant = await self._ask(asked, want)
                if grant.places:
                    self.worker.turns(self.pool_id, self.stream).charge(member, untried, grant.places)
                    return WindowGrant(grant.places, 0.0, asked, grant.is_probe)
                refused.append(grant)
                untried.remove(member)
            refusals += refused
            if not all(grant.is_ill for grant in refused):
                break  # a tier that is only busy is waited for: the next one is for when this one cannot send
        if not refusals:
            return WindowGrant(0, 0.0)
        soonest = min(refusals, key=lambda grant: grant.wait_seconds)
        wait_seconds = min(soonest.wait_seconds, LONGEST_WAIT_SECONDS)
        metrics.add("throttled_windows_total", why=soonest.why)
        metrics.observe(metrics.THROTTLE_WAIT, wait_seconds, why=soonest.why)
        return WindowGrant(0, wait_seconds, why=soonest.why)

    def _best(self, members: Sequence[Member]) -> Member:
        if self.directory.pool(self.pool_id, self.stream).selection == "least_loaded":
            return least_loaded(members, self.worker.in_flight)
        return self.worker.turns(self.pool_id, self.stream).best(members)

    def _asked(self, directory: Directory, provider_id: int) -> Asked:
        limits = (*directory.limits(provider_id, self.group), *self.own_limits)
        return Asked(provider_id, pace_group(directory.providers[provider_id], self.group), limits)

    async def _ask(self, asked: Asked, want: int) -> Grant:
        while True:
            try:
                return await self.worker.throttle.take(asked, want, overdraw=self.overdraw)
            except Unseeded as forgotten:
                used = await usage_book.used(await self.worker.read_connection(), forgotten.limit)
                await self.worker.throttle.seed(forgotten.limit, used)

    async def give_back(self, grant: WindowGrant, places: int) -> None:
        """Return places that were granted and not used; without Redis they are lost to the rate."""
        if grant.asked is None or places <= 0:
            return
        try:
            await self.worker.throttle.give_back(grant.asked, places)
        except RedisError as error:
            logger.warning("%s unused places of provider %s are lost: %s", places, grant.asked.provider_id, error)

    async def send(self, provider_id: int, letters: Sequence[AnyLetter], *, is_probe: bool = False) -> list[Outcome]:
        """Hand letters to one provider; one outcome for each. What it made of them is told to whom it may concern."""
        provider = self.directory.providers.get(provider_id)
        if provider is None:
            return [not_attempted("the provider is no longer active")] * len(letters)
        channel = await self.worker.channel(provider)
        self.worker.in_flight[provider_id] += len(letters)
        try:
            outcomes = await channel.send(letters)
        finally:
            self.worker.in_flight[provider_id] -= len(letters)
        try:
            self.worker.usage.add(provider_id, self.group, outcomes)
            await Feedback(self.worker, self.group, self.sender).learn(provider, outcomes, is_probe)
        except Exception:  # the outcomes are in hand: what others learn of them is no reason to lose them
            logger.exception("provider %s: nothing was learned of %s outcomes", provider_id, len(outcomes))
        if self._ahead is not None and not TROUBLE.isdisjoint([one.kind for one in outcomes]):
            # circuit and pace may have changed by it: the next window asks again
            await self.settle_ahead()
        return outcomes

    def window(self, grant: WindowGrant) -> WindowRoute:
        """The way of one window whose places were granted by `grant`."""
        return WindowRoute(self, grant)


def _by_tier(members: Sequence[Member]) -> Iterator[list[Member]]:
    for tier in sorted({member.tier for member in members}):
        yield [member for member in members if member.tier == tier]


async def open_route(
    worker: Runtime, campaign: Campaign, pool_id: int | None, group: str, own_limits: Sequence[Limit] = (), *,
    now: bool = True,
) -> PoolRoute:  # fmt: skip
    """The route of a batch. pool_id: the campaign's own pool or its domain's, None for the default marketing pool.

    now: else by the directory that this child read last, if it may still be gone by. Raises one of DatabaseAway.
    """
    route = PoolRoute(worker, pool_id, "marketing", group, sender=campaign.from_email, own_limits=own_limits)
    if worker.directory is not None and not now:
        route.use(*worker.directory)
    await route.refresh(now=now)
    return route


async def open_stream_routes(worker: Runtime, ways: Iterable[tuple[int | None, str, str]]) -> list[PoolRoute]:
    """Routes of transactional mail, for each pool (None: the default one), mailbox group and sender.

    The directory is read once for all of them. Raises as open_route.
    """
    directory = await worker.read_directory()
    routes = [
        PoolRoute(worker, pool_id, "transactional", group, sender=sender, overdraw=True)
        for pool_id, group, sender in ways
    ]
    for route in routes:
        route.use(directory)
    return routes
