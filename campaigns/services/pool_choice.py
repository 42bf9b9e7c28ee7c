"""Which pool of providers a campaign leaves by: shown and asked for here, kept by the layer that sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.db.models import BigIntegerField, Value
from django.db.models.expressions import BaseExpression

from campaigns.models.campaign import Campaign, CampaignQuerySet


class PoolRefused(ValueError):
    """A campaign cannot leave by this pool; show the message to the person."""


class Choose(Protocol):
    """Let a campaign leave by a pool; None for the usual one. Raises PoolRefused, Campaign.DoesNotExist."""

    def __call__(self, *, campaign_id: int, pool_id: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Keeper:
    """column: in a query of campaigns, the id of the pool that each one names, or NULL."""

    choose: Choose
    column: BaseExpression


_keepers: list[Keeper] = []


def register_pool_keeper(keeper: Keeper) -> None:
    """Say who keeps the choice. Call in AppConfig.ready(); twice is harmless."""
    _keepers[:] = [keeper]


def with_pool() -> CampaignQuerySet:
    """Campaigns with `pool_id`: the pool that each one names, None for the usual one. It costs no query of its own."""
    return Campaign.objects.annotate(pool_id=_keepers[0].column if _keepers else Value(None, BigIntegerField()))


def choose_pool(*, campaign_id: int, pool_id: int | None) -> None:
    """As Choose says."""
    if not _keepers:
        raise PoolRefused("Nothing that sends is installed here, so there are no pools.")
    _keepers[0].choose(campaign_id=campaign_id, pool_id=pool_id)
