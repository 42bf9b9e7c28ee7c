"""When the batches of a campaign may be sent: its hours by the database's clock, in the zone of each batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.db import connection
from django.db.models import Q

from campaigns.models import Campaign
from delivery import sql
from delivery.engine.hours import SendingHours, find_zone

State = Campaign.State


@cache
def known_zones() -> tuple[str, ...]:
    """The names of all time zones that this installation knows, its own among them."""
    return tuple(sorted(available_timezones() | {settings.TIME_ZONE}))


def hours_of(campaign: Campaign) -> SendingHours:
    return make_hours(campaign.send_from, campaign.send_until, campaign.send_weekdays)


def make_hours(begin: dt.time | None, end: dt.time | None, weekdays: Iterable[int]) -> SendingHours:
    """The hours of a campaign's fields; weekdays that do not exist do not count, whoever wrote them."""
    return SendingHours(begin, end, frozenset(weekdays) & frozenset(range(1, 8)))


def zone_of(name: str) -> ZoneInfo:
    """The zone of a batch or a lead; that of the installation for "" and for a name that nobody knows."""
    return find_zone(name if name in known_zones() else "", settings.TIME_ZONE)


def batch_zone(name: str, *, by_local_time: bool) -> str:
    """The zone to write into the batch of a lead whose zone has this name, "" where hours are not by local time."""
    return zone_of(name).key if by_local_time else ""


def not_before(campaign: Campaign, zone: str) -> dt.datetime:
    """The first moment from now on at which a batch of this zone may be sent."""
    now = database_now()
    return hours_of(campaign).next_open(now, zone_of(zone)) or now


def openings(hours: SendingHours, zones: Iterable[str], now: dt.datetime) -> dict[str, dt.datetime]:
    """The next opening by name of the zones that are closed now."""
    if hours.is_always:
        return {}
    found = ((zone, hours.next_open(now, zone_of(zone))) for zone in zones)
    return {zone: opens_at for zone, opens_at in found if opens_at is not None}


def reopen(campaign: Campaign) -> int:
    """Give the waiting batches of a campaign the moment that its hours say now; how many changed.

    In the transaction that changed the hours. A batch that a worker holds is its worker's: it reads the hours with
    each claim. Batches that wait for something else, such as a quota, ask for it again, which harms nobody.
    """
    waiting = campaign.batches.filter(variant__gte=0).exclude(state="done").order_by()
    zones = list(waiting.values_list("time_zone", flat=True).distinct())
    now = database_now()
    closed = openings(hours_of(campaign), zones, now)
    values: dict[str, Any] = {
        "campaign": campaign.pk,
        "zones": zones,
        "moments": [closed.get(zone, now) for zone in zones],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.REOPEN_BATCHES, values)
        return int(cursor.rowcount)


def reopen_of_author(user_id: int) -> int:
    """The same for all campaigns of a person whose limits were changed; how many batches ask again now."""
    at_work = Campaign.objects.filter(created_by_id=user_id, state__in=[State.SENDING, State.PAUSED, State.SENT])
    open_ones = at_work.filter(Q(pending__gt=0) | Q(deferred__gt=0)).defer("body", "text")
    return sum(reopen(campaign) for campaign in open_ones)


def database_now() -> dt.datetime:
    """The time by the one clock that all arithmetic of batches uses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: dt.datetime = cursor.fetchone()[0]
        return now
