"""Providers as operators see them, without anything secret."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from campaigns.api.errors import not_found
from campaigns.api.paging import Page, Wanted, page_by_id
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from delivery import provider_health
from delivery.models import Provider

router = ApiRouter("providers")


class ProviderOut(Schema):
    id: int
    name: str
    kind: str
    state: str = Field(description="`active`, `draining` or `paused`.")
    rate_per_second: float | None
    rate_per_hour: int | None
    rate_per_day: int | None
    health: str = Field(description="In a few words: `Well`, `Cut off`, `Refused by gmail`.")
    accepted_today: int = Field(description="E-mails that it accepted since 0:00 UTC.")


class GroupOut(Schema):
    mailbox_group: str
    total: int
    counts: dict[str, int] = Field(description="What was handed over today, by what came of it.")
    asks_for_less: bool = Field(description="This receiver is being sent to more slowly, or not at all for now.")


class HealthOut(Schema):
    health: str
    circuit: Literal["closed", "open", "half"] | None = Field(description="null while Redis is away.")
    tried_again_at: dt.datetime | None
    groups: list[GroupOut]


@router.read("", response=Page[ProviderOut])
def list_providers(request: HttpRequest, wanted: Wanted) -> dict[str, Any]:
    """List providers."""
    rows, following = page_by_id(Provider.objects.all(), wanted, "providers")
    return {"items": _shown(rows), "next": following}


@router.read("/{provider_id}", response=ProviderOut)
def get_provider(request: HttpRequest, provider_id: Id) -> ProviderOut:
    """Read a provider."""
    return _shown([_find(provider_id)])[0]


@router.read("/{provider_id}/health", response=HealthOut)
def get_provider_health(request: HttpRequest, provider_id: Id) -> HealthOut:
    """Read a provider's health.

    Its circuit, and what each group of receivers answered today (UTC).
    """
    health = provider_health.health(_find(provider_id))
    groups = [
        GroupOut(mailbox_group=str(row.label), total=row.total, counts=dict(row.counts),
                 asks_for_less=row.label in health.paces)
        for row in health.groups
    ]  # fmt: skip
    circuit = health.circuit.state if health.circuit else None
    return HealthOut(health=health.glance.words, circuit=circuit, tried_again_at=health.glance.until, groups=groups)


def _shown(providers: list[Provider]) -> list[ProviderOut]:
    glances = provider_health.glances(providers)
    accepted = provider_health.todays_total([one.pk for one in providers])
    return [
        ProviderOut(
            id=one.pk, name=one.name, kind=one.kind, state=one.state, rate_per_second=one.rate_per_second,
            rate_per_hour=one.rate_per_hour, rate_per_day=one.rate_per_day, health=glances[one.pk].words,
            accepted_today=accepted[one.pk],
        )
        for one in providers
    ]  # fmt: skip


def _find(provider_id: int) -> Provider:
    found = Provider.objects.filter(pk=provider_id).first()
    if found is None:
        raise not_found("provider")
    return found
