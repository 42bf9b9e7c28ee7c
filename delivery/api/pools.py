"""Pools of providers, as campaigns and messages name them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from campaigns.api.paging import Page, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from delivery.models import Pool

router = ApiRouter("providers")


class MemberOut(Schema):
    provider_id: int
    weight: int = Field(description="Share of the traffic inside the tier.")
    tier: int = Field(description="The lowest tier with a healthy provider is used.")


class PoolOut(Schema):
    id: int
    name: str
    stream: str = Field(description="`marketing`, by which campaigns leave, or `transactional`.")
    is_default: bool = Field(description="Used where nothing names a pool.")
    is_shared: bool = Field(
        description="False for one that only serves the sending domains and campaigns that name it."
    )
    members: list[MemberOut]


@router.read("", response=Page[PoolOut])
def list_pools(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List pools.

    Groups of providers that stand in for each other.
    """
    found, following = page_by_id(Pool.objects.prefetch_related("members"), wanted, "pools")
    return {"items": [_shown(pool) for pool in found], "next": following}


def _shown(pool: Pool) -> PoolOut:
    members = [MemberOut.from_orm(one) for one in pool.members.all()]
    return PoolOut(
        id=pool.pk, name=pool.name, stream=pool.stream, is_default=pool.is_default, is_shared=pool.is_shared,
        members=members,
    )  # fmt: skip
