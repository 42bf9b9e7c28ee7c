"""The list of reports, a campaign's overview, and its breakdowns."""

from __future__ import annotations

import json
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from campaigns.admin.base import key_of
from campaigns.admin.csv_file import csv_response
from campaigns.models import Campaign
from tracking import dimensions, reports
from tracking.admin.pages import VIEW_EMAILS, report_page, show
from tracking.reports import database
from tracking.reports.over_time import SCALES, WHO, Point

LIST_PAGE = 30
# dimensions that the list of leads can be filtered by
LINKED = ("domain", "provider", "variant", "reason")


@report_page()
def report_list(request: HttpRequest) -> HttpResponseBase:
    """Launched campaigns with their rates, newest first; some of them can be compared."""
    found = reports.newest(before=key_of(request, "before"), limit=LIST_PAGE + 1)
    next_before = found[LIST_PAGE - 1].campaign_id if len(found) > LIST_PAGE else None
    return show(request, "list.html", title="Reports", reports=found[:LIST_PAGE], next_before=next_before)


@report_page()
def overview(request: HttpRequest, campaign_id: int) -> HttpResponseBase:
    """Rates, funnel, what happened when, links. `?scale=` minute, hour or day; `?who=` human, machine, unsure, all."""
    report = report_of(campaign_id)
    scale = request.GET.get("scale", "hour")
    who = request.GET.get("who", "human")
    scale, who = (scale if scale in SCALES else "hour"), (who if who in WHO else "human")
    points = reports.series(campaign_id, scale, who)
    return show(
        request,
        "overview.html",
        title=f"Report on {report.name}",
        report=report,
        who_events=who_events(report),
        points=points,
        chart=chart(points, scale),
        scale=SCALES[scale],
        scales=SCALES.values(),
        who=who,
        whos=WHO.items(),
        dimensions=tuple(dimensions.names(database.alias()).items()),
        time_format="%-d %b, %H:%M" if scale != "day" else "%-d %b %Y",
    )


@report_page()
def breakdown(request: HttpRequest, campaign_id: int, dimension: str) -> HttpResponseBase:
    """One campaign by one dimension; `?leads=&value=` where the page begins."""
    report = summary_of(campaign_id)
    leads = key_of(request, "leads")
    after = (leads, request.GET.get("value", "").replace("\0", "")[:255]) if leads is not None else None
    found = broken_down(campaign_id, dimension, after)
    is_linked = dimension in LINKED and request.user.has_perm(VIEW_EMAILS)
    return show(
        request,
        "breakdown.html",
        title=f"Report on {report.name}",
        report=report,
        found=found,
        dimensions=tuple(found.dimensions.items()),
        dimension=dimension,
        leads_url=f"{reverse('tracking_recipients', args=[campaign_id])}?{dimension}=" if is_linked else "",
        settled=report.audience - report.pending,
        is_first=after is None,
    )


@report_page()
def breakdown_csv(_request: HttpRequest, campaign_id: int, dimension: str) -> HttpResponseBase:
    """All values of a dimension as a CSV file."""
    summary_of(campaign_id)
    broken_down(campaign_id, dimension, None)
    return csv_response(f"campaign-{campaign_id}-by-{dimension.rpartition(':')[2]}.csv", _lines(campaign_id, dimension))


COLUMNS = (
    "value", "leads", "sent", "delivered", "bounced", "failed", "dead", "deferred", "skipped", "unknown", "opened",
    "clicked", "unsubscribed", "complained", "opens_by_people", "opens_by_machines", "opens_unsure",
    "clicks_by_people", "clicks_by_machines", "clicks_unsure",
)  # fmt: skip


def _lines(campaign_id: int, dimension: str) -> Any:
    yield COLUMNS
    after: tuple[int, str] | None = None
    while True:
        found = reports.breakdown_report(campaign_id, dimension, after=after, limit=1000)
        for row in found.rows:
            t = row.totals
            yield (
                row.label, row.leads, t.sent, t.delivered, t.bounced, t.failed, t.dead, t.deferred, t.skipped,
                t.unknown, t.opened, t.clicked, t.unsubscribed, t.complained, row.opens.human, row.opens.machine,
                row.opens.unsure, row.clicks.human, row.clicks.machine, row.clicks.unsure,
            )  # fmt: skip
        after = found.next_after
        if after is None:
            return


def broken_down(campaign_id: int, dimension: str, after: tuple[int, str] | None) -> reports.BreakdownReport:
    try:
        return reports.breakdown_report(campaign_id, dimension, after=after)
    except KeyError as error:
        raise Http404("Reports are not broken down by this. Choose what they are by in the report settings.") from error


def report_of(campaign_id: int) -> reports.CampaignReport:
    """The campaign with everything that came back."""
    try:
        return reports.campaign_report(campaign_id, with_hours=False)
    except Campaign.DoesNotExist as error:
        raise Http404("There is no such campaign.") from error


def summary_of(campaign_id: int) -> reports.CampaignReport:
    """The campaign's own numbers alone."""
    found = reports.summaries([campaign_id])
    if not found:
        raise Http404("There is no such campaign.")
    return found[0]


def who_events(report: reports.CampaignReport) -> list[tuple[str, int, int]]:
    """(who, opens, clicks) of every event."""
    return [
        (WHO[who], getattr(report.opens, who), getattr(report.clicks, who)) for who in ("human", "machine", "unsure")
    ]


def chart(points: tuple[Point, ...], scale: str) -> str:
    """The data of unfold's chart."""
    style = "%H:%M" if scale == "minute" else "%-d %b %H:%M" if scale == "hour" else "%-d %b"
    zone = timezone.get_current_timezone()
    labels = [point.at.astimezone(zone).strftime(style) for point in points]
    lines = (
        ("Sent", [p.sent for p in points], "#94a3b8"),
        ("Opens", [p.opens for p in points], "#2563eb"),
        ("Clicks", [p.clicks for p in points], "#16a34a"),
    )
    datasets = [
        {"label": label, "data": data, "borderColor": colour, "backgroundColor": colour, "displayYAxis": True}
        for label, data, colour in lines
        if any(data)
    ]
    return json.dumps({"labels": labels, "datasets": datasets})
