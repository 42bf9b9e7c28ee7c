"""What delivery shows on a campaign's page in the admin: its way out, when it may send, what waits for a decision."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import F, Sum

from campaigns.models import Campaign
from campaigns.panels import Panel
from delivery import opening, pools

ZONES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ClosedZone:
    """Leads that wait for their hours. opens_at: in their own zone."""

    zone: str
    leads: int
    opens_at: dt.datetime


def pool_panel(campaign: Campaign) -> Panel | None:
    """Which pool it leaves by, and which providers; nothing once it is over."""
    if campaign.state in (Campaign.State.SENT, Campaign.State.CANCELLED):
        return None
    chosen = pools.chosen_pool(campaign)
    context = {"chosen": chosen, "members": pools.active_members(chosen.pool)}
    return Panel("Way out", "admin/delivery/pool_panel.html", context)


def hours_panel(campaign: Campaign) -> Panel | None:
    """When the next window opens, and for whom; nothing while everybody's hours are open."""
    if opening.hours_of(campaign).is_always or campaign.state == Campaign.State.CANCELLED:
        return None
    closed = closed_zones(campaign)
    if not closed:
        return None
    context = {"closed": closed[:ZONES_SHOWN], "more": len(closed) - ZONES_SHOWN}
    return Panel("Waiting for sending hours", "admin/delivery/hours_panel.html", context)


def closed_zones(campaign: Campaign) -> list[ClosedZone]:
    """The zones of this campaign's unsent leads whose hours are closed now, the next to open first."""
    unsent = campaign.batches.filter(variant__gte=0).exclude(state="done").order_by()
    leads = dict(
        unsent.values("time_zone").annotate(left=Sum(F("size") - F("cursor"))).values_list("time_zone", "left")
    )
    closed = opening.openings(opening.hours_of(campaign), leads, opening.database_now())
    found = [
        ClosedZone(opening.zone_of(zone).key, leads[zone], opens_at.astimezone(opening.zone_of(zone)))
        for zone, opens_at in closed.items()
        if leads[zone]
    ]
    return sorted(found, key=lambda zone: zone.opens_at)


def decisions_panel(campaign: Campaign) -> Panel | None:
    """Unknown e-mails and dead letters, each with the way to decide; nothing where there are none."""
    if not campaign.unknown and not campaign.dead:
        return None
    may_requeue = campaign.state != Campaign.State.CANCELLED
    context = {"may_requeue": may_requeue}
    return Panel("Waiting for your decision", "admin/delivery/unknown/panel.html", context)
