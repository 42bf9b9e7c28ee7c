"""Campaigns side by side."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.models import Campaign
from tracking.reports.campaign import READ, ByWho, CampaignReport, totals_of
from tracking.reports.database import alias, read_only

MOST = 6


@read_only
def summaries(campaign_ids: Sequence[int]) -> list[CampaignReport]:
    """Reports without links and hours, in the order that was asked for; those that do not exist are left out."""
    found = Campaign.objects.using(alias()).only(*READ).in_bulk(list(campaign_ids))
    return [summary_of(found[pk]) for pk in dict.fromkeys(campaign_ids) if pk in found]


@read_only
def newest(*, before: int | None = None, created_by: int | None = None, limit: int = 50) -> list[CampaignReport]:
    """Launched campaigns, newest first, by id. created_by: of this user alone."""
    campaigns = Campaign.objects.using(alias()).filter(launched_at__isnull=False).only(*READ).order_by("-id")
    if before is not None:
        campaigns = campaigns.filter(pk__lt=before)
    if created_by is not None:
        campaigns = campaigns.filter(created_by=created_by)
    return [summary_of(campaign) for campaign in campaigns[:limit]]


def summary_of(campaign: Campaign) -> CampaignReport:
    """What the campaign's own row says."""
    return CampaignReport(
        campaign_id=campaign.pk,
        name=campaign.name,
        sent=campaign.sent,
        bounced=campaign.bounced,
        opened=campaign.opened,
        clicked=campaign.clicked,
        unsubscribed=campaign.unsubscribed,
        complained=campaign.complained,
        opens=ByWho(),
        clicks=ByWho(),
        links=(),
        hours=(),
        state=campaign.state,
        launched_at=campaign.launched_at,
        audience=campaign.audience,
        pending=campaign.pending,
        totals=totals_of(campaign),
    )
