"""What delivery shows on a campaign's page in the admin: its way out, when it may send, what waits for a decision."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import F, Sum

from campaigns.models import Campaign
from campaigns.panels import Panel
from delivery import departures, opening, pools
from delivery.models import Departure

UNDER_WAY = (Campaign.State.SENDING, Campaign.State.PAUSED, Campaign.State.SENT)


@dataclass(frozen=True, slots=True)
class ZoneHours:
    """Leads of one time zone that were not sent to. opens_at, closes_at: in that zone; the one that comes next."""

    zone: str
    leads: int
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None


def pool_panel(campaign: Campaign) -> Panel | None:
    """Which pool it leaves by, and which providers; nothing once it is over."""
    if campaign.state in (Campaign.State.SENT, Campaign.State.CANCELLED):
        return None
    chosen = pools.chosen_pool(campaign)
    context = {"chosen": chosen, "members": pools.active_members(chosen.pool)}
    return Panel("Provider pool", "admin/delivery/pool_panel.html", context)


def hours_panel(campaign: Campaign) -> Panel | None:
    """Whether the hours are open, until when, and when the next window opens; nothing for a campaign without hours."""
    if opening.hours_of(campaign).is_always or campaign.state not in UNDER_WAY:
        return None
    zones = zone_hours(campaign)
    if not zones:
        return None
    return Panel("Sending hours", "admin/delivery/hours_panel.html", {"zones": zones})


def zone_hours(campaign: Campaign) -> list[ZoneHours]:
    """The hours of this campaign's unsent leads: the open ones first, then as they open."""
    unsent = campaign.batches.filter(variant__gte=0).exclude(state="done").order_by()
    leads = dict(
        unsent.values("time_zone").annotate(left=Sum(F("size") - F("cursor"))).values_list("time_zone", "left")
    )
    hours, now = opening.hours_of(campaign), opening.database_now()
    found = []
    for name in (name for name, left in leads.items() if left):
        zone = opening.zone_of(name)
        opens_at = hours.next_open(now, zone)
        closes_at = None if opens_at else hours.closes_at(now, zone)
        local = [moment.astimezone(zone) if moment else None for moment in (opens_at, closes_at)]
        found.append(ZoneHours(zone.key, leads[name], *local))
    return sorted(found, key=lambda one: (one.opens_at or now, one.zone))


def departure_panel(campaign: Campaign) -> Panel | None:
    """How long half, 99 % and 99.9 % took to leave; nothing before half of it has left."""
    departure = Departure.objects.filter(campaign=campaign).select_related("campaign").first()
    reached = list(departures.seconds_of(departure).items()) if departure else []
    return Panel("How fast it left", "admin/delivery/departure_panel.html", {"reached": reached}) if reached else None


def decisions_panel(campaign: Campaign) -> Panel | None:
    """Unknown e-mails and dead letters, each with the way to decide; nothing where there are none."""
    if not campaign.unknown and not campaign.dead:
        return None
    may_requeue = campaign.state != Campaign.State.CANCELLED
    context = {"may_requeue": may_requeue}
    return Panel("Waiting for your decision", "admin/delivery/unknown/panel.html", context)
