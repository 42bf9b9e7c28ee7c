"""The terms on which a batch is sent, as its campaign and its author set them: read when the batch begins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from campaigns.models import Campaign
from delivery import frequency, opening
from delivery.database import AsyncConnection
from delivery.engine.hours import SendingHours
from delivery.frequency import Cap
from delivery.limits import Limit, limits_of

# The hours as they are, held until the batch is given back: who changes them in this moment finds it waiting, and who
# has just done so is believed.
HOURS_NOW = """
SELECT send_from, send_until, send_weekdays, now() FROM campaigns_campaign WHERE id = %(campaign)s FOR SHARE
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """hours: None for a cancelled campaign, which drains at any hour and asks nobody. zone: whose clock counts."""

    hours: SendingHours | None
    zone: ZoneInfo
    cap: Cap
    limits: tuple[Limit, ...]
    is_cancelled: bool = False

    @property
    def may_hold_up(self) -> bool:
        """A batch may have to wait, or to skip leads, by these terms."""
        is_always_open = self.hours is not None and self.hours.is_always
        return not is_always_open or bool(self.cap.amount) or bool(self.limits)

    def closes_at(self, now: dt.datetime) -> dt.datetime | None:
        """From when on nothing may be claimed; `now` where it is closed already, None where it never closes."""
        return self.hours.closes_at(now, self.zone) if self.hours else None


def terms_of(campaign: Campaign, zone: str) -> Terms:
    """The terms of a batch of this zone. Two small queries."""
    is_cancelled = campaign.state == Campaign.State.CANCELLED
    hours = None if is_cancelled else opening.hours_of(campaign)
    return Terms(hours, opening.zone_of(zone), frequency.cap_of(campaign.pk), limits_of(campaign), is_cancelled)


async def seconds_until_open(connection: AsyncConnection, campaign_id: int, zone: ZoneInfo) -> float:
    """How long a batch of this zone has to wait now; 0 where it is open. In the transaction that gives it back."""
    row = await (await connection.execute(HOURS_NOW, {"campaign": campaign_id})).fetchone()
    if row is None:
        return 0.0
    opens_at = opening.make_hours(*row[:3]).next_open(row[3], zone)
    return (opens_at - row[3]).total_seconds() if opens_at else 0.0
