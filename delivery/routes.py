"""The way out of a batch: a pool's providers, their turns, limits and circuits, as one worker child sees them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from campaigns.addresses import domain_of
from campaigns.models import Campaign
from delivery import metrics, usage_book
from delivery.alarms import Alarm
from delivery.database import DatabaseAway
from delivery.directory import REFRESH_SECONDS, Directory, Member
from delivery.engine.outcome import Kind, Outcome
from delivery.letters import Letter
from delivery.limits import Limit
from delivery.models import Provider
from delivery.runtime import Runtime
from delivery.selection import least_loaded
from delivery.throttle import Asked, Grant, Unseeded

logger = logging.getLogger(__name__)

# an answer, good or bad, shows that a provider is there; these show that it is not
AWAY = frozenset({Kind.NOT_ATTEMPTED, Kind.UNKNOWN})
WHY_WAIT = {
    "rate": "throttled by our own limits",
    "quota": "today's quota is used up",
    "slowed": "slowed down: the receiver asked for less",
    "silence": "silent for a while: the receiver asked for it",
    "circuit": "the provider could not be reached lately",
}
# quotas are raised, providers added and pauses ended by people at any moment: nobody waits longer before asking again
LONGEST_WAIT_SECONDS = 600.0
# of these nothing was handed over, so their places are free
LEFT_NO_TRACE = frozenset({Kind.NOT_ATTEMPTED, Kind.RENDER_ERROR})
LEAST_BLOCKED = 3
OUR_AUTHENTICATION = frozenset({"our-authentication"})
BLOCKED_SHARE = 0.1


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

    async def refresh(self, *, now: bool = False) -> None:
        """Read the directory again where it is older than REFRESH_SECONDS, or `now`. Raises one of DatabaseAway."""
        clock = time.monotonic()
        if self._directory is None or now or clock - self._read_at > REFRESH_SECONDS:
            self.use(await self.worker.read_directory())

    def use(self, directory: Directory) -> None:
        """Go by a directory that was read just now."""
        self._directory, self._read_at = directory, time.monotonic()

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
        metrics.add("throttled_windows_total", why=soonest.why)
        return WindowGrant(0, min(soonest.wait_seconds, LONGEST_WAIT_SECONDS), why=soonest.why)

    def _best(self, members: Sequence[Member]) -> Member:
        if self.directory.pool(self.pool_id, self.stream).selection == "least_loaded":
            return least_loaded(members, self.worker.in_flight)
        return self.worker.turns(self.pool_id, self.stream).best(members)

    def _asked(self, directory: Directory, provider_id: int) -> Asked:
        limits = (*directory.limits(provider_id, self.group), *self.own_limits)
        return Asked(provider_id, self._pace_group(directory.providers[provider_id]), limits)

    def _pace_group(self, provider: Provider) -> str:
        """An ESP paces its receivers itself: what it asks for, it asks for all of our mail."""
        return self.group if provider.kind == Provider.Kind.SMTP else ""

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

    async def send(self, provider_id: int, letters: Sequence[Letter], *, is_probe: bool = False) -> list[Outcome]:
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
        self.worker.usage.add(provider_id, self.group, outcomes)
        await self._learn(provider, outcomes, is_probe)
        return outcomes

    # who reports is named by the object that sent: the directory may be read again without it while mail is under way

    async def _learn(self, provider: Provider, outcomes: Sequence[Outcome], is_probe: bool) -> None:
        """Tell the circuit and the pace what a window met. Without Redis nobody learns, and nothing is lost by it."""
        away = [one for one in outcomes if one.kind in AWAY and one.rule != "late"]
        answered = sum(one.kind not in AWAY and one.kind is not Kind.RENDER_ERROR for one in outcomes)
        try:
            await self._report(provider, answered, away, is_probe)
            throttled = [one for one in outcomes if one.kind is Kind.THROTTLE]
            refused = [one for one in outcomes if one.kind in (Kind.BLOCK, Kind.SENDER)]
            if throttled:
                await self._slow_down(provider, "throttled", throttled)
            if refused:
                await self._refused(provider, refused, len(outcomes))
        except RedisError as error:
            logger.warning("provider %s: its state could not be noted: %s", provider.pk, error)

    async def _report(self, provider: Provider, answered: int, away: Sequence[Outcome], is_probe: bool) -> None:
        good = answered if is_probe else self.worker.answered[provider.pk] + answered
        if not (away or is_probe or provider.pk in self.worker.suspects):
            self.worker.answered[provider.pk] = min(good, 1000)
            return
        self.worker.answered[provider.pk] = 0
        if not (away or good):
            return
        change = await self.worker.breaker.report(provider.pk, good, len(away))
        if away:
            self.worker.suspects.add(provider.pk)
            self.worker.usage.note(provider.pk, "error", away[0].reply, group=self.group, code=away[0].code)
        else:
            self.worker.suspects.discard(provider.pk)
        if change:
            logger.warning("provider %s: its circuit is %s", provider.pk, change)
            words = away[0].reply if away else "mail was accepted again"
            self.worker.usage.note(provider.pk, change, words)
        if change == "opened":
            self.worker.alarms.add(self._circuit_alarm(provider, words))

    async def _refused(self, provider: Provider, refused: Sequence[Outcome], messages: int) -> None:
        """Receivers or the provider refuse us, not an address: note it, tell operators, send less where it is much."""
        self.worker.usage.note(provider.pk, "blocked", refused[0].reply, group=self.group, code=refused[0].code)
        is_much = len(refused) >= max(LEAST_BLOCKED, messages * BLOCKED_SHARE)
        if is_much:
            # one reader's spam filter is no reason to slow down for everybody of the group
            await self._slow_down(provider, "blocked", refused)
        telling = [one for one in refused if self.worker.is_alarming(one)]
        if telling and (is_much or self.group != "other" or telling[0].rule in OUR_AUTHENTICATION):
            self.worker.alarms.add(self._block_alarm(provider, telling, is_much))

    async def _slow_down(self, provider: Provider, event: str, met: Sequence[Outcome]) -> None:
        silence = self._silence_seconds(provider, met)
        pace = await self.worker.throttle.slow_down(provider.pk, self._pace_group(provider), silence)
        if pace is not None:
            logger.warning("provider %s: %s goes on at %.1f a second after %s", provider.pk, self.group, pace, event)
        if event == "throttled":
            self.worker.usage.note(provider.pk, event, met[0].reply, group=self.group, code=met[0].code)
            alarming = [one for one in met if self.worker.is_alarming(one)]
            if alarming:
                self.worker.alarms.add(self._block_alarm(provider, alarming, len(alarming) >= LEAST_BLOCKED))

    def _silence_seconds(self, provider: Provider, met: Sequence[Outcome]) -> float:
        """How long nothing goes by this provider to this group; a rule of an operator's own is always obeyed."""
        own = {rule.name for rule in self.worker.classifier.own}
        is_told = len(met) >= LEAST_BLOCKED or any(one.rule in own for one in met)
        # the words that large receivers use may be said by anybody's server, for everybody who has one
        if self._pace_group(provider) == "other" and not is_told:
            return 0.0
        return max(self.worker.silence_seconds(one) for one in met)

    def _circuit_alarm(self, provider: Provider, words: str) -> Alarm:
        text = f"Others of its pools take over; it is tried again by itself. The last answer: {words}"
        return Alarm(f"circuit:{provider.pk}", f"The provider {provider.name} cannot be reached", text, provider.pk)

    def _block_alarm(self, provider: Provider, blocked: Sequence[Outcome], is_much: bool) -> Alarm:
        ours = next((one for one in blocked if one.rule in OUR_AUTHENTICATION), None)
        # anybody may run the server of one address and say this: it must not stop a domain for everybody
        if ours is not None and (is_much or self.group != "other"):
            domain = domain_of(self.sender)
            text = (
                f"Receivers refuse our authentication, so nothing is sent from it for an hour. They say: {ours.reply}"
            )
            return Alarm(f"domain-paused:{domain}", f"Sending from {domain} is paused", text, 0, self.sender)
        subject = f"Mail by {provider.name} to {self.group} is refused for policy or reputation"
        text = f"It is tried once by another provider. No address is suppressed. The last answer: {blocked[0].reply}"
        return Alarm(f"blocked:{provider.pk}:{self.group}", subject, text, provider.pk)

    def window(self, grant: WindowGrant) -> WindowRoute:
        """The way of one window whose places were granted by `grant`."""
        return WindowRoute(self, grant)


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

    async def send(self, way: Way, letters: Sequence[Letter]) -> list[Outcome]:
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


def _by_tier(members: Sequence[Member]) -> Iterator[list[Member]]:
    for tier in sorted({member.tier for member in members}):
        yield [member for member in members if member.tier == tier]


async def open_route(
    worker: Runtime, campaign: Campaign, pool_id: int | None, group: str, own_limits: Sequence[Limit] = ()
) -> PoolRoute:
    """The route of a batch. pool_id: the campaign's own pool or its domain's, None for the default marketing pool.

    Raises one of DatabaseAway.
    """
    route = PoolRoute(worker, pool_id, "marketing", group, sender=campaign.from_email, own_limits=own_limits)
    await route.refresh(now=True)
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
