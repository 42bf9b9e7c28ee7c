"""A campaign's numbers by domain, provider, variant, reason or attribute, read from roll-ups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from delivery.models import Provider
from tracking import dimensions
from tracking.models.breakdown import BIG, FIRST_COLUMNS, STATUS_COLUMNS
from tracking.reports.campaign import ByWho
from tracking.reports.database import alias, read_only, rows
from tracking.reports.rates import Totals

PAGE = 50


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """One value of a dimension. value: as it is stored. label: for people. opens, clicks: events apart by who."""

    value: str
    label: str
    totals: Totals
    opens: ByWho
    clicks: ByWho
    leads: int


@dataclass(frozen=True, slots=True)
class BreakdownReport:
    """A page of values, those with the most leads first. counted: leads in all values, of `audience` on the page.

    dimensions: all there are, with their names. next_after: (leads, value) where the next page begins, None at the end.
    """

    dimension: str
    dimensions: Mapping[str, str]
    rows: tuple[BreakdownRow, ...]
    counted: int
    next_after: tuple[int, str] | None = None

    @property
    def name(self) -> str:
        return self.dimensions[self.dimension]


_LEADS = " + ".join(STATUS_COLUMNS)
_EVENTS = ("open_human", "open_machine", "open_unsure", "click_human", "click_machine", "click_unsure")
_COLUMNS = ", ".join((*STATUS_COLUMNS, *FIRST_COLUMNS, *_EVENTS))

# A dimension's values of one campaign, the biggest first: sorted at each question, because an index on numbers that
# change would cost every roll-up. First which they are, then their numbers. 1,000 domains: 0.5 ms; 100,000: 30 ms, but
# for the first pages, which big ones fill.
_VALUES = f"""
WITH shown AS MATERIALIZED (
    SELECT value, {_LEADS} AS leads FROM tracking_breakdown
     WHERE campaign_id = %(campaign)s AND dimension = %(dimension)s {{big}}
       AND ({_LEADS} > 0
            OR open_human + open_machine + open_unsure + click_human + click_machine + click_unsure > 0)
       AND (%(leads)s::bigint IS NULL OR (-({_LEADS}), value) > (-%(leads)s::bigint, %(value)s))
     ORDER BY leads DESC, value LIMIT %(limit)s
)
SELECT value, leads, {_COLUMNS}
  FROM shown JOIN tracking_breakdown b USING (value)
 WHERE b.campaign_id = %(campaign)s AND b.dimension = %(dimension)s
 ORDER BY leads DESC, value
"""  # noqa: S608 (columns of ours, no values)
VALUES = _VALUES.format(big="")
BIG_VALUES = _VALUES.format(big="AND is_big")

# How many leads the breakdowns have counted: the variants add up to it.
COUNTED = f"""
SELECT coalesce(sum({_LEADS}), 0)::bigint FROM tracking_breakdown
 WHERE campaign_id = %(campaign)s AND dimension = 'variant'
"""  # noqa: S608


@read_only
def breakdown_report(
    campaign_id: int, dimension: str, *, after: tuple[int, str] | None = None, limit: int = PAGE
) -> BreakdownReport:
    """One page of a dimension. Raises KeyError for a dimension that nobody has chosen. Three queries."""
    names = dimensions.names(alias())
    if dimension not in names:
        raise KeyError(dimension)
    found = _values(
        {
            "campaign": campaign_id,
            "dimension": dimension,
            "leads": after[0] if after else None,
            "value": after[1] if after else "",
            "limit": limit + 1,
        }
    )
    labels = provider_names() if dimension == "provider" else {}
    made = tuple(_row(row, dimension, labels) for row in found[:limit])
    (counted,) = rows(COUNTED, {"campaign": campaign_id})[0]
    next_after = (made[-1].leads, made[-1].value) if len(found) > limit else None
    return BreakdownReport(dimension, names, made, counted, next_after)


def _values(parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The page's rows: of domains, which are many, from the index of big ones where those fill it, else from all."""
    if parameters["dimension"] == "domain" and (parameters["leads"] is None or parameters["leads"] >= BIG):
        found = rows(BIG_VALUES, parameters)
        if len(found) == parameters["limit"]:
            return found
    return rows(VALUES, parameters)


def provider_names() -> dict[str, str]:
    return {str(pk): name for pk, name in Provider.objects.using(alias()).values_list("pk", "name")}


def label_of(dimension: str, value: str, providers: dict[str, str]) -> str:
    """A value as people read it."""
    if dimension == "variant":
        # people count letters
        return chr(ord("A") + int(value)) if value.isdecimal() and int(value) < 26 else f"Variant {value}"
    if dimension == "provider":
        return providers.get(value, f"Provider {value}") if value else "None: not handed over"
    if dimension == "reason":
        return value or "Sent"
    return value or "Not known"


def _row(row: tuple[Any, ...], dimension: str, providers: dict[str, str]) -> BreakdownRow:
    value, leads, *numbers = row
    counts = dict(zip((*STATUS_COLUMNS, *FIRST_COLUMNS, *_EVENTS), map(int, numbers), strict=True))
    return BreakdownRow(
        value=str(value),
        label=label_of(dimension, str(value), providers),
        totals=totals_from(counts),
        opens=ByWho(counts["open_human"], counts["open_machine"], counts["open_unsure"]),
        clicks=ByWho(counts["click_human"], counts["click_machine"], counts["click_unsure"]),
        leads=int(leads),
    )


def totals_from(counts: dict[str, int]) -> Totals:
    """Totals from the columns of a breakdown."""
    same = {name: counts[name] for name in ("failed", "dead", "deferred", "skipped", "unknown", *FIRST_COLUMNS)}
    return Totals(delivered=counts["sent"], bounced=counts["bounced_hard"] + counts["bounced_soft"], **same)
