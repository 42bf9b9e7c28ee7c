"""How providers are, for the people who look after them: at a glance, and in detail."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import redis
from django.conf import settings
from django.db.models import Sum

from delivery import circuit
from delivery.circuit import Circuit
from delivery.models import Provider, ProviderEvent, ProviderUsage
from delivery.throttle import pace_key
from delivery.usage import COUNTS, SUMS, within

logger = logging.getLogger(__name__)

SHOWN_EVENTS = 20
SHOWN_HOURS = 12
# of what was handed over; below it refusals are everyday life
NOTED_SHARE = 0.02

Variant = Literal["success", "warning", "danger", "default"]


@dataclass(frozen=True, slots=True)
class Glance:
    """One provider in a few words. until: when a paused circuit tries again, None otherwise."""

    words: str
    variant: Variant
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was handed over in some time, by what came of it."""

    label: Any
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_troubled(self) -> bool:
        refused = self.counts["throttled"] + self.counts["blocked"]
        return refused > 0 and refused >= self.total * NOTED_SHARE


@dataclass(frozen=True, slots=True)
class Pace:
    """A receiver asked for less. per_second: None where nothing goes for now. until: end of a silence."""

    per_second: float | None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """circuit: None while Redis is away. groups: of today (UTC). hours: the last SHOWN_HOURS. paces: by group."""

    glance: Glance
    circuit: Circuit | None
    groups: list[Numbers]
    hours: list[Numbers]
    events: list[ProviderEvent]
    paces: dict[str, Pace]


def health(provider: Provider, now: dt.datetime | None = None) -> Health:
    """All that its page shows. Four queries and two questions to Redis; without Redis the rest is shown."""
    now = now or dt.datetime.now(dt.UTC)
    groups = todays_groups(provider.pk, now.astimezone(dt.UTC).date())
    known = read_circuits([provider.pk])
    return Health(
        glance=_glance(provider, known, {provider.pk: groups}, now),
        circuit=known.get(provider.pk) if known is not None else None,
        groups=groups,
        hours=last_hours(provider.pk, now),
        events=list(ProviderEvent.objects.filter(provider=provider)[:SHOWN_EVENTS]),
        paces=read_paces(provider.pk, ["", *(row.label for row in groups)]),
    )


def glances(providers: Iterable[Provider], now: dt.datetime | None = None) -> dict[int, Glance]:
    """A few words for each provider, by its id. One query and one question to Redis for all of them."""
    found = {provider.pk: provider for provider in providers}
    now = now or dt.datetime.now(dt.UTC)
    known = read_circuits(found)
    today: dict[int, list[Numbers]] = defaultdict(list)
    if found:
        for provider_id, row in _sums(found, now.astimezone(dt.UTC).date()):
            today[provider_id].append(row)
    return {number: _glance(provider, known, today, now) for number, provider in found.items()}


def _glance(
    provider: Provider, known: dict[int, Circuit] | None, today: Mapping[int, list[Numbers]], now: dt.datetime
) -> Glance:
    if provider.state != Provider.State.ACTIVE:
        return Glance(provider.get_state_display(), "default" if provider.state == Provider.State.PAUSED else "warning")
    if known is None:
        return Glance("Not known: Redis does not answer", "warning")
    state = known.get(provider.pk, Circuit("closed"))
    if state.state == "open" and state.until is not None and state.until > now:
        return Glance("Cut off", "danger", state.until)
    if state.state != "closed":
        return Glance("Being tried again", "warning")
    troubled = sorted(row.label for row in today.get(provider.pk, []) if row.is_troubled)
    if troubled:
        return Glance(f"Refused by {', '.join(troubled)}", "warning")
    return Glance("Well", "success")


def todays_groups(provider_id: int, day: dt.date) -> list[Numbers]:
    """Numbers of one UTC day by mailbox group, the busiest first."""
    return sorted((row for _, row in _sums([provider_id], day)), key=lambda row: -row.total)


def _sums(provider_ids: Collection[int], day: dt.date) -> list[tuple[int, Numbers]]:
    rows = ProviderUsage.objects.filter(within([day]), provider_id__in=provider_ids)
    summed = rows.values("provider_id", "mailbox_group").annotate(**SUMS)
    return [(row["provider_id"], _numbers(row["mailbox_group"], row)) for row in summed]


def last_hours(provider_id: int, now: dt.datetime) -> list[Numbers]:
    """Numbers of the last SHOWN_HOURS by hour, the newest first; hours without mail are left out."""
    since = now - dt.timedelta(hours=SHOWN_HOURS)
    rows = ProviderUsage.objects.filter(provider_id=provider_id, hour__gt=since).values("hour").annotate(**SUMS)
    return [_numbers(row["hour"], row) for row in rows.order_by("-hour")]


def _numbers(label: Any, row: Mapping[str, Any]) -> Numbers:
    return Numbers(label, {name: row[f"{name}_sum"] for name in COUNTS})


def read_circuits(provider_ids: Iterable[int]) -> dict[int, Circuit] | None:
    """Circuits by provider; None while Redis is away: a page is shown without them."""
    try:
        return circuit.read(provider_ids)
    except redis.RedisError as error:
        logger.warning("the circuits are not known: %s", error)
        return None


def read_paces(provider_id: int, groups: Collection[str]) -> dict[str, Pace]:
    """Where receivers asked for less, by mailbox group; empty while Redis is away."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            pipeline = client.pipeline(transaction=False)
            for group in groups:
                pipeline.hmget(pace_key(provider_id, group), "rate", "until")
            answers = pipeline.execute()
            seconds, _ = client.time()
    except redis.RedisError as error:
        logger.warning("the paces are not known: %s", error)
        return {}
    found = {group: _pace(*values, now=float(seconds)) for group, values in zip(groups, answers, strict=True)}
    return {group: pace for group, pace in found.items() if pace is not None}


def _pace(rate: bytes | None, until: bytes | None, *, now: float) -> Pace | None:
    end = float(until or 0)
    if end > now:
        return Pace(None, dt.datetime.fromtimestamp(end, dt.UTC))
    return Pace(float(rate)) if rate else None


def todays_total(provider_ids: Collection[int], now: dt.datetime | None = None) -> Counter[int]:
    """E-mails that each provider accepted today (UTC)."""
    day = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).date()
    rows = ProviderUsage.objects.filter(within([day]), provider_id__in=provider_ids).values("provider_id")
    return Counter({row["provider_id"]: row["sum"] for row in rows.annotate(sum=Sum("accepted"))})
