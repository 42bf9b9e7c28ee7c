"""The pace of a campaign that is under way."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from campaigns.api import etags
from campaigns.api.callers import caller
from campaigns.api.campaign_schemas import CampaignOut, PaceFields
from campaigns.api.campaigns import demand_campaign, find_campaign
from campaigns.api.history import note
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from campaigns.services.pace import Pace, change_pace

router = ApiRouter("campaigns")
CLEARABLE = ("max_per_hour", "send_from", "send_until")


@router.change("/{campaign_id}/pace", response=CampaignOut, verb="launch", etag=True, problems=(409,),
               example={"max_per_hour": 20_000})  # fmt: skip
def change_pace_under_way(request: HttpRequest, campaign_id: Id, pace: PaceFields) -> HttpResponse:
    """Change pace and hours under way.

    Of a campaign that is sending or paused; takes effect within seconds. What is left out stays; null sends as fast as
    possible, or at all hours. A draft's are changed with the rest of it.
    """
    given: dict[str, Any] = pace.given() | pace.cleared(*CLEARABLE)
    with transaction.atomic():
        demand_campaign(campaign_id)
        found = find_campaign(campaign_id)
        etags.demand(request, CampaignOut.from_orm(found))
        before = Pace.of(found)
        days = tuple(given.pop("send_weekdays", before.send_weekdays))
        wanted = Pace(**{**before.fields(), **given, "send_weekdays": days})
        change_pace(campaign_id=campaign_id, pace=wanted, before=before, by=caller(request))
        note(request, found, "The pace was changed.")
    return etags.answer(request, CampaignOut.from_orm(find_campaign(campaign_id)))
