"""What the API takes and answers about campaigns."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from campaigns.api.paging import Paging
from campaigns.api.schemas import MOST_ID, Given, Moment
from campaigns.services.pace import MOST_PER_HOUR

MOST_BODY = 900_000
BodyFormat = Literal["mjml", "html"]
AnId = Annotated[int, Field(ge=1, le=MOST_ID)]
State = Literal["draft", "scheduled", "launching", "sending", "paused", "sent", "cancelled"]


class PaceFields(Given):
    max_per_hour: int | None = Field(None, ge=1, le=MOST_PER_HOUR, description="As fast as possible when left out.")
    send_from: dt.time | None = Field(None, description="Only from this time of day on, such as `09:00`.")
    send_until: dt.time | None = Field(None, description="And until then; may be past midnight.")
    send_weekdays: list[Annotated[int, Field(ge=1, le=7)]] | None = Field(
        None, max_length=7, description="1 for Monday to 7; every day when empty."
    )


class CampaignFields(PaceFields):
    preheader: str | None = Field(None, max_length=250, description="The line that inboxes show after the subject.")
    from_name: str | None = Field(None, max_length=100)
    reply_to: str | None = Field(None, max_length=254)
    text: str | None = Field(None, max_length=MOST_BODY, description="Plain text; made from the body when left empty.")
    segment_id: AnId | None = Field(None, description="Who it goes to. A segment or a list, not both.")
    list_id: AnId | None = None
    topic_id: AnId | None = Field(None, description="Who has declined it is skipped. `GET /topics` lists them.")
    pool_id: AnId | None = Field(
        None,
        description="The pool of providers that it leaves by, instead of its sending domain's or the default one. "
        "`GET /pools` lists them. Only for keys that also have the scope `campaigns:launch`.",
    )
    priority: int | None = Field(None, ge=0, le=9, description="9 is the most urgent; 5 when left out.")
    by_local_time: bool | None = Field(None, description="The hours are those of each lead's time zone.")
    ignores_frequency_cap: bool | None = Field(None, description="For notices that everybody must get.")


class CampaignIn(CampaignFields):
    name: str = Field(min_length=1, max_length=200)
    from_email: str = Field(max_length=254)
    template_id: AnId | None = Field(None, description="Fills subject, preheader, body and text that are left out.")
    subject: str | None = Field(None, max_length=400, description="Liquid tags work here.")
    body_format: BodyFormat | None = Field(None, description="`mjml` when left out.")
    body: str | None = Field(None, max_length=MOST_BODY)


class CampaignChange(CampaignFields):
    name: str | None = Field(None, min_length=1, max_length=200)
    from_email: str | None = Field(None, max_length=254)
    subject: str | None = Field(None, max_length=400)
    body_format: BodyFormat | None = None
    body: str | None = Field(None, max_length=MOST_BODY)


class Schedule(Given):
    at: Moment = Field(description="When to send, with its time zone: `2026-05-04T09:00:00+02:00`.")


class Duplicate(Given):
    name: str = Field("", max_length=200, description="`Copy of …` when left out.")


class CampaignListed(Schema):
    id: int
    name: str
    subject: str
    state: State
    state_reason: str = Field(description="Why a launch failed, or why the campaign paused itself.")
    scheduled_at: dt.datetime | None
    launched_at: dt.datetime | None
    finished_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


class CampaignOut(CampaignListed):
    preheader: str
    from_name: str
    from_email: str
    reply_to: str
    body_format: BodyFormat
    body: str
    text: str
    segment_id: int | None
    list_id: int | None = Field(alias="mailing_list_id")
    topic_id: int | None
    pool_id: int | None = Field(
        description="The pool that was chosen; null for its sending domain's or the default one."
    )
    priority: int
    max_per_hour: int | None
    send_from: dt.time | None
    send_until: dt.time | None
    send_weekdays: list[int]
    by_local_time: bool
    ignores_frequency_cap: bool


class ProblemOut(Schema):
    severity: Literal["error", "warning"]
    code: str
    message: str
    part: str
    line: int
    column: int


class PreflightOut(Schema):
    can_be_sent: bool = Field(description="False while there is an error.")
    problems: list[ProblemOut] = Field(description="Errors first.")


class CampaignSearch(Paging):
    state: State | None = None
