"""What delivery has to say before a campaign is launched."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.content import Problem
from campaigns.models import Campaign
from delivery.models import CampaignPool, Pool, PoolMember, Provider


def check_provider(campaign: Campaign) -> Iterator[Problem]:
    """A warning when nothing could leave now: the campaign would wait until a provider is there."""
    chosen = CampaignPool.objects.filter(campaign_id=campaign.pk).values("pool_id")
    members = PoolMember.objects.filter(provider__state=Provider.State.ACTIVE)
    if chosen:
        members = members.filter(pool_id__in=chosen)
    else:
        members = members.filter(pool__is_default=True, pool__stream=Pool.Stream.MARKETING)
    if not members.exists():
        message = "there is no active provider to send by yet: add one under Providers, or the campaign will wait"
        yield Problem("warning", "no-provider", message, "delivery")
