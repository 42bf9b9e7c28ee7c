"""Whether the single e-mails of a campaign are still there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import Q

from campaigns.models import Campaign
from tracking.models import RetentionDrop
from tracking.retention.pieces import EMAILS


def removed_at(campaign: Campaign) -> dt.datetime | None:
    """When the e-mails of this campaign were removed; None where they are there, or never were."""
    if campaign.launched_at is None:
        return None
    drops = RetentionDrop.objects.filter(kind=EMAILS, low__lte=campaign.pk, high__gt=campaign.pk)
    # a draft may have been launched after its block was removed: the block was made again for it
    drop = drops.filter(Q(begun_at__gt=campaign.launched_at)).order_by("-id").first()
    return (drop.dropped_at or drop.begun_at) if drop else None


def with_details(campaign_ids: Sequence[int]) -> list[int]:
    """Those of the campaigns whose e-mails are there."""
    campaigns = Campaign.objects.only("launched_at").in_bulk(campaign_ids)
    return [pk for pk, campaign in campaigns.items() if removed_at(campaign) is None]
