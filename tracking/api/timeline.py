"""Everything that happened to one lead."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from campaigns.api.errors import not_found
from campaigns.api.paging import MOST
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Given, Id, Moment
from tracking import reports

router = ApiRouter("leads")


class TimelineSearch(Given):
    before: Moment | None = Field(None, description="`next_before` of the page before; now when left out.")
    limit: int = Field(50, ge=1, le=MOST)


class MomentOut(Schema):
    at: dt.datetime
    kind: str = Field(description="`email`, `message`, `open`, `click`, …, `list`, `suppression`, `created`.")
    title: str
    detail: str
    who: str = Field(description="Of opens and clicks: a person, a machine or unsure.")
    campaign_id: int | None
    campaign: str
    message_id: int | None


class TimelineOut(Schema):
    lead_id: int
    moments: list[MomentOut]
    next_before: dt.datetime | None = Field(
        description="Send it as `before` for what happened earlier; null at the end."
    )


@router.read("/{lead_id}/timeline", response=TimelineOut, problems=(503,))
def get_lead_timeline(request: HttpRequest, lead_id: Id, wanted: Annotated[TimelineSearch, Query()]) -> TimelineOut:
    """Read what happened to a lead.

    Newest first: campaigns, messages, events, lists, suppressions. An erased lead keeps its e-mails and events.
    """
    before = wanted.before or dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    found = reports.timeline(lead_id, before=before, limit=wanted.limit)
    if not found.moments and not found.address and wanted.before is None:
        raise not_found("lead")
    return TimelineOut.from_orm(found)
