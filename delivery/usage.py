"""What providers were given, read from ProviderUsage: by day, by hour, by mailbox group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate

from delivery.engine.warmup import Volume
from delivery.models import ProviderUsage

COUNTS = ("accepted", "deferred", "throttled", "bounced", "blocked", "failed", "unknown")
SUMS = {f"{name}_sum": Sum(name) for name in COUNTS}


def by_day(provider_ids: Collection[int], days: Collection[dt.date]) -> dict[tuple[int, str, dt.date], Volume]:
    """Volumes by provider, mailbox group and day (UTC); what had no mail is left out."""
    if not provider_ids or not days:
        return {}
    rows = (
        ProviderUsage.objects.filter(within(days), provider_id__in=provider_ids)
        .annotate(day=TruncDate("hour", tzinfo=dt.UTC))
        .values("provider_id", "mailbox_group", "day")
        .annotate(**SUMS)
    )
    return {(row["provider_id"], row["mailbox_group"], row["day"]): _volume(row) for row in rows}


def within(days: Iterable[dt.date]) -> Q:
    """Hours of these days, in a form that the index on (provider, hour) serves."""
    condition = Q(pk__in=[])
    for day in days:
        start = dt.datetime.combine(day, dt.time(), dt.UTC)
        condition |= Q(hour__gte=start, hour__lt=start + dt.timedelta(days=1))
    return condition


def total(volumes: Iterable[Volume]) -> Volume:
    """All of them together."""
    parts = list(volumes)
    return Volume(
        accepted=sum(part.accepted for part in parts),
        throttled=sum(part.throttled for part in parts),
        blocked=sum(part.blocked for part in parts),
        others=sum(part.others for part in parts),
    )


def _volume(row: Mapping[str, Any]) -> Volume:
    others = sum(row[f"{name}_sum"] for name in ("deferred", "bounced", "failed", "unknown"))
    return Volume(row["accepted_sum"], row["throttled_sum"], row["blocked_sum"], others)
