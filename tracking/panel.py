"""The report on a campaign's page in the admin."""

from __future__ import annotations

from campaigns.models import Campaign
from campaigns.panels import Panel
from tracking import retention
from tracking.reports import campaign_report

STARTED = frozenset({"sending", "paused", "sent", "cancelled"})
LAST_HOURS = 48


def report_panel(campaign: Campaign) -> Panel | None:
    """What came back; nothing before the campaign has begun to leave."""
    if campaign.state not in STARTED or campaign.launched_at is None:
        return None
    report = campaign_report(campaign.pk)
    people = (
        ("Opened", report.opened, report.share(report.opened), "Leads who opened it, each counted once."),
        ("Clicked", report.clicked, report.share(report.clicked), "Leads who clicked a link, each counted once."),
        ("Unsubscribed", report.unsubscribed, report.share(report.unsubscribed), "Leads who left through this e-mail."),
        ("Complained", report.complained, report.share(report.complained), "Leads who marked it as spam."),
    )
    hours = report.hours[:LAST_HOURS]
    busiest = max((max(hour.opens, hour.clicks) for hour in hours), default=0)
    return Panel(
        "What came back",
        "admin/tracking/report_panel.html",
        {"report": report, "people": people, "hours": hours, "busiest": busiest},
    )


def removed_panel(campaign: Campaign) -> Panel | None:
    """Since when the single e-mails of a campaign are gone; nothing while they are there."""
    removed_at = retention.removed_at(campaign)
    if removed_at is None:
        return None
    return Panel("Details were removed", "admin/tracking/removed_panel.html", {"removed_at": removed_at})
