"""Which pool a campaign leaves by, and why; and choosing another one."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from campaigns.models import Campaign
from campaigns.services.pool_choice import PoolRefused
from delivery import domains
from delivery.models import CampaignPool, Pool, PoolMember, Provider

__all__ = [
    "CHOSEN",
    "PoolRefused",
    "active_members",
    "campaign_pools",
    "chosen_pool",
    "make_default",
    "pool_named",
    "set_campaign_pool",
]

MARKETING = Pool.Stream.MARKETING
# of a query of campaigns: the pool that each one names. As a Subquery it cost each request 0.2 ms to build
CHOSEN = RawSQL(
    "SELECT pool_id FROM delivery_campaignpool WHERE campaign_id = campaigns_campaign.id", (), BigIntegerField()
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """pool: None where no pool is there yet. why: a few words, to stand behind its name."""

    pool: Pool | None
    why: str


def chosen_pool(campaign: Campaign) -> Chosen:
    """The pool of a campaign as its batches would find it now."""
    pool_id = domains.pool_for(campaign)
    if pool_id is None:
        return Chosen(Pool.objects.filter(stream=MARKETING, is_default=True).first(), "the default pool")
    is_named = CampaignPool.objects.filter(campaign_id=campaign.pk).exists()
    why = "chosen for this campaign" if is_named else "the pool of its sending domain"
    return Chosen(Pool.objects.get(pk=pool_id), why)


def campaign_pools() -> list[Pool]:
    """Pools that campaigns may name, the shared ones first."""
    return list(Pool.objects.filter(stream=MARKETING).order_by("-is_shared", "name"))


def set_campaign_pool(*, campaign_id: int, pool_id: int | None) -> None:
    """Let a campaign leave by a pool; None for its sending domain's, else the default one.

    Batches that are under way stay with theirs, the next ones take the new one.
    Raises PoolRefused, Campaign.DoesNotExist.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update(of=("self",)).only("pk", "state").get(pk=campaign_id)
        if campaign.state == Campaign.State.CANCELLED:
            raise PoolRefused("This campaign was cancelled: nothing of it leaves any more.")
        if pool_id is None:
            CampaignPool.objects.filter(campaign_id=campaign_id).delete()
            return
        if not Pool.objects.filter(pk=pool_id, stream=MARKETING).exists():
            raise PoolRefused(
                f"{pool_id} is no pool that campaigns leave by: they do by pools of the marketing stream."
            )
        CampaignPool.objects.update_or_create(campaign_id=campaign_id, defaults={"pool_id": pool_id})


def copy_choice(campaign_id: int, copy_id: int) -> None:
    """Let a copy leave by the pool that was chosen for its campaign; by the usual one where none was."""
    for chosen in CampaignPool.objects.filter(campaign_id=campaign_id):
        CampaignPool.objects.create(campaign_id=copy_id, pool_id=chosen.pool_id)


def make_default(*, pool_id: int) -> None:
    """Make a shared pool its stream's default one. Raises PoolRefused, Pool.DoesNotExist."""
    with transaction.atomic():
        pool = Pool.objects.get(pk=pool_id)
        # in order of id, so that two people never wait for each other in a circle
        list(Pool.objects.select_for_update().filter(stream=pool.stream).order_by("pk").values_list("pk"))
        pool.refresh_from_db()
        if not pool.is_shared:
            raise PoolRefused("A dedicated pool cannot be the default one.")
        Pool.objects.filter(stream=pool.stream, is_default=True).exclude(pk=pool_id).update(is_default=False)
        Pool.objects.filter(pk=pool_id).update(is_default=True)


def pool_named(name: str) -> Pool:
    """The marketing pool of that name. Raises PoolRefused that lists those that are there."""
    found = Pool.objects.filter(stream=MARKETING, name=name).first()
    if found is None:
        known = ", ".join(pool.name for pool in campaign_pools()) or "none yet"
        raise PoolRefused(f"There is no marketing pool {name!r}. Pools: {known}.")
    return found


def active_members(pool: Pool | None) -> list[PoolMember]:
    """Members of a pool whose provider is active."""
    if pool is None:
        return []
    return list(pool.members.filter(provider__state=Provider.State.ACTIVE).select_related("provider"))
