"""How far a campaign has come."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from campaigns.api import etags
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from delivery.numbers import campaign_numbers

router = ApiRouter("campaigns")


class ProgressOut(Schema):
    state: str
    audience: int = Field(description="Leads it goes to: all that follow add up to it, at every instant.")
    pending: int = Field(description="Not tried yet.")
    deferred: int = Field(description="Refused for now, tried again later.")
    sent: int
    bounced: int
    failed: int
    dead: int = Field(description="Tried often enough; a person may try them again.")
    skipped: int = Field(description="Suppressed, unsubscribed, erased, cancelled.")
    unknown: int = Field(description="Nobody knows whether they were accepted; a person decides.")


@router.read("/{campaign_id}/progress", response=ProgressOut, etag=True)
def get_progress(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Read a campaign's progress.

    Exact at the moment of asking. `sent` as a state means that the first pass is over; retries go on after it.
    """
    return etags.answer(request, ProgressOut.from_orm(campaign_numbers(campaign_id)))
