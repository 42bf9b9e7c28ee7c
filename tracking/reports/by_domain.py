"""How mail arrives where: domains and mailbox groups over all campaigns of the last days."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tracking.models.breakdown import BIG, FIRST_COLUMNS, STATUS_COLUMNS
from tracking.reports.breakdown import label_of, provider_names, totals_from
from tracking.reports.database import planned_rows, read_only
from tracking.reports.rates import Totals

DAYS = (7, 30, 90)
BIG_DOMAIN = BIG
DIMENSIONS = ("group", "domain", "provider")
PAGE = 100


@dataclass(frozen=True, slots=True)
class DeliverabilityRow:
    """One domain, group or provider over several campaigns."""

    value: str
    label: str
    campaigns: int
    totals: Totals

    @property
    def failed_or_dead(self) -> int:
        return self.totals.failed + self.totals.dead


# of integers: the sum of a bigint is a numeric, and that takes four times as long
_SUMS = ", ".join(f"sum(b.{name}::int)" for name in (*STATUS_COLUMNS, *FIRST_COLUMNS))

# First who has most, by one number; then everything of those few, by key. Of domains the big ones alone, by an index of
# their own. 20 campaigns of 20,000 domains each: 5 ms.
DELIVERABILITY = f"""
WITH recent AS MATERIALIZED (
    SELECT id FROM campaigns_campaign WHERE launched_at >= %(since)s
), top AS MATERIALIZED (
    SELECT b.value
      FROM recent JOIN tracking_breakdown b ON b.campaign_id = recent.id AND b.dimension = %(dimension)s {{big}}
     GROUP BY 1 HAVING sum((b.sent + b.bounced_hard + b.bounced_soft + b.deferred + b.failed + b.dead)::int) > 0
     ORDER BY sum((b.sent + b.bounced_hard + b.bounced_soft)::int) DESC, 1 LIMIT %(limit)s
)
SELECT b.value, count(*), {_SUMS}
  FROM top CROSS JOIN recent
  JOIN tracking_breakdown b ON b.campaign_id = recent.id AND b.dimension = %(dimension)s AND b.value = top.value
 GROUP BY 1 ORDER BY sum((b.sent + b.bounced_hard + b.bounced_soft)::int) DESC, 1
"""  # noqa: S608 (columns of ours, no values)


@read_only
def deliverability(dimension: str, *, since: dt.datetime, limit: int = PAGE) -> tuple[DeliverabilityRow, ...]:
    """The values with most e-mails, over all campaigns launched since then; of domains those that have BIG leads in one
    of them. Raises ValueError for another dimension."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"Not by {dimension}: by {', '.join(DIMENSIONS)}.")
    statement = DELIVERABILITY.format(big="AND b.is_big" if dimension == "domain" else "")
    found = planned_rows(statement, {"dimension": dimension, "since": since, "limit": limit})
    labels = provider_names() if dimension == "provider" else {}
    return tuple(
        DeliverabilityRow(
            value=row[0],
            label=label_of(dimension, row[0], labels),
            campaigns=row[1],
            totals=totals_from(dict(zip((*STATUS_COLUMNS, *FIRST_COLUMNS), row[2:], strict=True))),
        )
        for row in found
    )
