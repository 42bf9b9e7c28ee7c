"""What a campaign has of its own where it is sent: its pool and its guardrails, before and while it is under way."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from campaigns.api.campaigns import find_campaign
from campaigns.api.history import note
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import MOST_ID, Given, Id
from campaigns.models import Campaign
from campaigns.services.errors import StateConflict
from delivery import guardrails, pools
from delivery.models import CampaignGuardrail
from delivery.models.guardrail import KINDS

router = ApiRouter("campaigns")
Percent = Annotated[float, Field(ge=0, le=100)]
OWN = "null: as for all campaigns; 0: no limit."


class PoolIn(Given):
    pool_id: Annotated[int, Field(ge=1, le=MOST_ID)] | None = Field(
        description="null for that of its sending domain, else the default one."
    )


class ChosenPoolOut(Schema):
    pool_id: int | None = Field(description="The pool that it leaves by; null where none is there yet.")
    name: str
    why: str = Field(description="Such as `chosen for this campaign`.")


class GuardrailIn(Given):
    is_on: bool | None = Field(None, description="Pause the campaign when it passes a limit.")
    bounces: Percent | None = Field(None, description=f"Hard bounces, in percent. {OWN}")
    complaints: Percent | None = Field(None, description="In percent, as above.")
    deferrals: Percent | None = Field(None, description="Refused for now, in percent, as above.")
    unknowns: Percent | None = Field(None, description="In percent, as above.")


class GuardrailOut(Schema):
    is_on: bool
    bounces: float | None = Field(description=f"Hard bounces, in percent. {OWN}")
    complaints: float | None
    deferrals: float | None
    unknowns: float | None
    limits: dict[str, float] | None = Field(description="What holds for it now, in percent; null while they are off.")


@router.read("/{campaign_id}/pool", response=ChosenPoolOut)
def get_campaign_pool(request: HttpRequest, campaign_id: Id) -> ChosenPoolOut:
    """Read which pool a campaign leaves by, and why."""
    return _pool_of(find_campaign(campaign_id))


@router.replace("/{campaign_id}/pool", response=ChosenPoolOut, verb="launch", problems=(409,),
                example={"pool_id": 1})  # fmt: skip
def choose_campaign_pool(request: HttpRequest, campaign_id: Id, pool: PoolIn) -> ChosenPoolOut:
    """Choose the pool that a campaign leaves by.

    Also under way: batches that are being sent stay with theirs, the next ones take the new one.
    """
    campaign = _alive(campaign_id)
    pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=pool.pool_id)
    chosen = _pool_of(campaign)
    note(request, campaign, f"The campaign leaves by the pool {chosen.name}, {chosen.why}.")
    return chosen


@router.read("/{campaign_id}/guardrails", response=GuardrailOut)
def get_guardrails(request: HttpRequest, campaign_id: Id) -> GuardrailOut:
    """Read a campaign's guardrails."""
    return _guardrails_of(find_campaign(campaign_id))


@router.change("/{campaign_id}/guardrails", response=GuardrailOut, verb="launch", problems=(409,),
               example={"complaints": 0.1})  # fmt: skip
def change_guardrails(request: HttpRequest, campaign_id: Id, guardrail: GuardrailIn) -> GuardrailOut:
    """Change a campaign's guardrails.

    A campaign that passes a limit pauses itself within two seconds. What is left out stays; a limit of null is that for
    all campaigns again.
    """
    campaign = _alive(campaign_id)
    wanted = guardrail.given() | guardrail.cleared(*KINDS)
    CampaignGuardrail.objects.update_or_create(campaign=campaign, defaults=wanted)
    is_off = wanted.get("is_on") is False
    note(request, campaign, "Its guardrails are off." if is_off else "Its guardrails were changed.")
    return _guardrails_of(campaign)


def _pool_of(campaign: Campaign) -> ChosenPoolOut:
    chosen = pools.chosen_pool(campaign)
    found = chosen.pool
    return ChosenPoolOut(pool_id=found.pk if found else None, name=found.name if found else "", why=chosen.why)


def _guardrails_of(campaign: Campaign) -> GuardrailOut:
    own = CampaignGuardrail.objects.filter(campaign=campaign).first()
    limits = guardrails.limits_of(own, guardrails.policy())
    shown = {kind: getattr(own, kind, None) for kind in KINDS}
    return GuardrailOut(is_on=own.is_on if own else True, **shown, limits=dict(limits.percent) if limits else None)


def _alive(campaign_id: int) -> Campaign:
    campaign: Campaign = find_campaign(campaign_id)
    if campaign.state == Campaign.State.CANCELLED:
        raise StateConflict("This campaign was cancelled: nothing of it leaves any more.")
    return campaign
