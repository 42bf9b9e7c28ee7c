"""A limit as a value: so much in so long, counted under one name by all workers."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import Campaign
from delivery.models import SenderLimit

SECOND = 1
HOUR = 3600
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` e-mails every `per_seconds`.

    key: what is counted, such as "provider:3". Shorter than a day it is a token bucket that refills evenly; a DAY is
    a quota that begins anew at 0:00 UTC.
    """

    key: str
    amount: float
    per_seconds: int = SECOND

    @property
    def is_quota(self) -> bool:
        return self.per_seconds >= DAY


def limits_of(campaign: Campaign) -> tuple[Limit, ...]:
    """What the marketer's side sets: the pace of the campaign, and what its author's campaigns may send together.

    One query, where the campaign has an author; read it again with each batch, both may be changed while it sends.
    """
    found = [Limit(f"campaign:{campaign.pk}", campaign.max_per_hour, HOUR)] if campaign.max_per_hour else []
    own = SenderLimit.objects.filter(user_id=campaign.created_by_id).first() if campaign.created_by_id else None
    if own and own.per_hour:
        found.append(Limit(f"sender:{own.pk}:hour", own.per_hour, HOUR))
    if own and own.per_day:
        found.append(Limit(f"sender:{own.pk}:day", own.per_day, DAY))
    return tuple(found)
