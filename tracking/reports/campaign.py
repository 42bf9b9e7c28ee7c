"""What came back from a campaign, read from roll-ups and the campaign's counters, never from the ledger."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass

from django.db.models import F, Sum
from django.db.models.functions import TruncHour

from campaigns.models import Campaign
from delivery.models import Link
from tracking.models import LinkRollup, QuarterRollup
from tracking.reports.database import alias, planned_rows, read_only
from tracking.reports.rates import Rate, Totals

NOTHING = Totals()
# what reports read of a campaign's row: the other thirty columns cost time to ask for, and some are long
READ = (
    "name", "state", "launched_at", "audience", "pending", "sent", "bounced", "failed", "dead", "deferred", "skipped",
    "unknown", "opened", "clicked", "unsubscribed", "complained",
)  # fmt: skip

# 1 ms for ten days of quarters of an hour. Of integers, as in over_time.
BY_KIND = """
SELECT kind, who, sum(count::int) FROM tracking_quarter
 WHERE campaign_id = %(campaign)s AND kind IN ('open', 'click') GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ByWho:
    """Events, not leads: somebody who opens twice counts twice."""

    human: int = 0
    machine: int = 0
    unsure: int = 0

    @property
    def total(self) -> int:
        return self.human + self.machine + self.unsure


@dataclass(frozen=True, slots=True)
class LinkReport:
    """Clicks on one link. leads: different people who clicked it."""

    number: int
    url: str
    label: str
    clicks: ByWho
    leads: int


@dataclass(frozen=True, slots=True)
class HourReport:
    """Opens and clicks of people in the hour from `hour` (UTC)."""

    hour: dt.datetime
    opens: int
    clicks: int


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """sent, bounced: e-mails. opened, clicked, unsubscribed, complained: leads, each once, opens and clicks by people
    only. opens, clicks: all events apart by who made them. hours: only those with something in them."""

    campaign_id: int
    name: str
    sent: int
    bounced: int
    opened: int
    clicked: int
    unsubscribed: int
    complained: int
    opens: ByWho
    clicks: ByWho
    links: tuple[LinkReport, ...]
    hours: tuple[HourReport, ...]
    state: str = ""
    launched_at: dt.datetime | None = None
    audience: int = 0
    pending: int = 0
    totals: Totals = NOTHING

    @property
    def rates(self) -> tuple[Rate, ...]:
        return self.totals.rates()

    @property
    def by_key(self) -> dict[str, Rate]:
        return {rate.key: rate for rate in self.rates}

    @property
    def funnel(self) -> tuple[Rate, ...]:
        """From the audience to a click, each step as a part of the audience."""
        steps = (
            ("audience", "Audience", self.audience),
            ("sent", "Sent", self.totals.sent),
            ("delivered", "Delivered", self.totals.delivered),
            ("opened", "Opened", self.totals.opened),
            ("clicked", "Clicked", self.totals.clicked),
        )
        return tuple(Rate(key, label, count, self.audience) for key, label, count in steps)

    def share(self, count: int) -> float:
        """Percent of the e-mails sent; 0.0 where none was."""
        return 100 * count / self.sent if self.sent else 0.0


def totals_of(campaign: Campaign) -> Totals:
    """From the campaign's own counters, which are seconds old."""
    return Totals(
        delivered=campaign.sent,
        bounced=campaign.bounced,
        failed=campaign.failed,
        dead=campaign.dead,
        deferred=campaign.deferred,
        skipped=campaign.skipped,
        unknown=campaign.unknown,
        opened=campaign.opened,
        clicked=campaign.clicked,
        unsubscribed=campaign.unsubscribed,
        complained=campaign.complained,
    )


@read_only
def campaign_report(campaign_id: int, *, with_hours: bool = True) -> CampaignReport:
    """Everything about one campaign that came back up to the last drain. Raises Campaign.DoesNotExist.

    Four queries; the largest reads the rows of each quarter of an hour in which something happened.
    """
    campaign = Campaign.objects.using(alias()).only(*READ).get(pk=campaign_id)
    by_kind = _by_kind(campaign_id)
    return CampaignReport(
        campaign_id=campaign_id,
        name=campaign.name,
        sent=campaign.sent,
        bounced=campaign.bounced,
        opened=campaign.opened,
        clicked=campaign.clicked,
        unsubscribed=campaign.unsubscribed,
        complained=campaign.complained,
        opens=ByWho(**by_kind["open"]),
        clicks=ByWho(**by_kind["click"]),
        links=_links(campaign_id),
        hours=_hours(campaign_id) if with_hours else (),
        state=campaign.state,
        launched_at=campaign.launched_at,
        audience=campaign.audience,
        pending=campaign.pending,
        totals=totals_of(campaign),
    )


def _by_kind(campaign_id: int) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, who, count in planned_rows(BY_KIND, {"campaign": campaign_id}):
        sums[kind][who] = count
    return sums


def _links(campaign_id: int) -> tuple[LinkReport, ...]:
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    leads: dict[int, int] = {}
    for row in LinkRollup.objects.using(alias()).filter(campaign_id=campaign_id):
        counts[row.link_number][row.who] = row.count
        leads[row.link_number] = leads.get(row.link_number, 0) + row.leads
    return tuple(
        LinkReport(link.number, link.url, link.label, ByWho(**counts[link.number]), leads.get(link.number, 0))
        for link in Link.objects.using(alias()).filter(campaign_id=campaign_id).order_by("number")
    )


def _hours(campaign_id: int) -> tuple[HourReport, ...]:
    found: dict[dt.datetime, dict[str, int]] = defaultdict(dict)
    rows = (
        QuarterRollup.objects.using(alias())
        .filter(campaign_id=campaign_id, kind__in=("open", "click"), who="human")
        .values(hour=TruncHour("quarter", tzinfo=dt.UTC), what=F("kind"))
        .annotate(n=Sum("count"))
        .values_list("hour", "what", "n")
    )
    for hour, kind, count in rows:
        found[hour][kind] = count
    return tuple(
        HourReport(hour, counts.get("open", 0), counts.get("click", 0)) for hour, counts in sorted(found.items())
    )
