"""What happened when: a campaign's e-mails and events by minute, hour or day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from campaigns.models import Campaign
from tracking.reports.database import alias, planned_rows, read_only

KINDS = ("sent", "open", "click", "unsubscribe", "complaint", "bounce")


# Of integers: the sum of a bigint is a numeric, and that takes four times as long. 2 ms for a week of quarters.
_SERIES = """
SELECT date_trunc(%(step)s, {begin}, %(zone)s) AS at, kind, sum(count::int)
  FROM {table}
 WHERE campaign_id = %(campaign)s AND {begin} >= %(since)s AND {begin} < %(until)s
   AND (kind NOT IN ('open', 'click') OR %(who)s = 'all' OR who = %(who)s)
 GROUP BY 1, 2 HAVING sum(count::int) <> 0
"""
BY_MINUTE = _SERIES.format(table="tracking_minute", begin="minute")
BY_QUARTER = _SERIES.format(table="tracking_quarter", begin="quarter")


@dataclass(frozen=True, slots=True)
class Scale:
    """How fine, and how far: the first `reach` from the launch. read: the statement, from sums of `grain` minutes."""

    key: str
    label: str
    step: dt.timedelta
    reach: dt.timedelta
    read: str
    grain: int


SCALES = {
    "minute": Scale(
        "minute", "By minute, the first 3 hours", dt.timedelta(minutes=1), dt.timedelta(hours=3), BY_MINUTE, 1
    ),
    "hour": Scale("hour", "By hour, the first 7 days", dt.timedelta(hours=1), dt.timedelta(days=7), BY_QUARTER, 15),
    "day": Scale("day", "By day, the first 90 days", dt.timedelta(days=1), dt.timedelta(days=90), BY_QUARTER, 15),
}
WHO = {"human": "People", "machine": "Machines", "unsure": "Unsure", "all": "Everybody"}


@dataclass(frozen=True, slots=True)
class Point:
    """From `at` (of the installation's time zone) on, for one step. opens, clicks: of whom was asked for."""

    at: dt.datetime
    sent: int = 0
    opens: int = 0
    clicks: int = 0
    unsubscribes: int = 0
    complaints: int = 0
    bounces: int = 0


@read_only
def series(campaign_id: int, scale: str = "hour", who: str = "human") -> tuple[Point, ...]:
    """Points with something in them, in order of time; empty before the launch. Raises KeyError, Campaign.DoesNotExist.

    scale: a key of SCALES. who: of WHO.
    """
    chosen = SCALES[scale]
    if who not in WHO:
        raise KeyError(who)
    launched = Campaign.objects.using(alias()).only("launched_at").get(pk=campaign_id).launched_at
    if launched is None:
        return ()
    since = launched.replace(minute=launched.minute - launched.minute % chosen.grain, second=0, microsecond=0)
    found: dict[dt.datetime, dict[str, int]] = {}
    parameters = {
        "step": chosen.key,
        "zone": timezone.get_current_timezone_name(),
        "campaign": campaign_id,
        "since": since,
        "until": since + chosen.reach,
        "who": who,
    }
    for at, kind, count in planned_rows(chosen.read, parameters):
        found.setdefault(at, {})[kind] = count
    return tuple(_point(at, counts) for at, counts in sorted(found.items()))


def _point(at: dt.datetime, counts: dict[str, int]) -> Point:
    return Point(at, *(counts.get(kind, 0) for kind in KINDS))
