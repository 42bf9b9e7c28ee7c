"""Everything that came back, in the order in which it was recorded: read it page by page and miss nothing."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from campaigns.api.paging import Paging, bounded, make_cursor, read_cursor
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import MOST_ID, Moment
from tracking.api import sql

router = ApiRouter("events")
Kind = Literal[
    "open", "click", "unsubscribe", "resubscribe", "complaint", "bounce", "rejected", "deferred", "delivered"
]
Who = Literal["human", "machine", "unsure"]
NAMES = ("recorded_at", "id", "at", "kind", "campaign_id", "message_id", "lead_id", "provider_id", "link_number", "who",
         "data")  # fmt: skip
AnId = Annotated[int, Field(ge=1, le=MOST_ID)]


class EventSearch(Paging):
    kind: Kind | None = None
    who: Who | None = None
    campaign_id: AnId | None = None
    message_id: AnId | None = None
    lead_id: AnId | None = None
    since: Moment | None = Field(None, description="Recorded at this moment or later; a cursor takes its place.")


class EventOut(Schema):
    id: UUID = Field(description="The same for the same event, however often you read it.")
    kind: str
    at: dt.datetime = Field(description="When it happened.")
    recorded_at: dt.datetime = Field(description="When it was written down: events come in this order.")
    campaign_id: int | None
    message_id: int | None = Field(description="Of a transactional message.")
    lead_id: int | None
    provider_id: int | None
    link_number: int | None
    who: str = Field(description="`human`, `machine` (a proxy or scanner) or `unsure`.")
    data: dict[str, Any] | None


class EventPage(Schema):
    items: list[EventOut]
    next: str | None = Field(
        description="Keep it: it also leads to what will be recorded later. null while nothing was ever found."
    )


@router.read("", response=EventPage, problems=(503,))
def list_events(request: HttpRequest, wanted: Annotated[EventSearch, Query()]) -> EventPage:
    """Read events.

    In the order in which they were recorded. To follow them, keep `next` and ask again with it: an empty page means
    that nothing new was recorded yet. Events appear once every transaction that began before them has ended, usually
    within a second, two minutes at the most: so nothing is recorded behind your back.
    """
    after = read_cursor(wanted.cursor, "events")
    rows = _read(wanted, after)
    items = [_out(row) for row in rows]
    following = make_cursor([rows[-1][0].isoformat(), str(rows[-1][1])], "events") if rows else wanted.cursor
    return EventPage(items=items, next=following)


def _out(row: tuple[Any, ...]) -> EventOut:
    values = dict(zip(NAMES, row, strict=True))
    # Django's connections hand JSON on as text, and leave reading it to the fields of models
    data = values.pop("data")
    return EventOut(**values, data=None if data is None else json.loads(data))


def _read(wanted: EventSearch, after: list[Any] | None) -> list[tuple[Any, ...]]:
    since, last_id = (after[0], after[1]) if after else (wanted.since, None)
    filters = {
        "kind": wanted.kind, "who": wanted.who, "campaign_id": wanted.campaign_id, "message_id": wanted.message_id,
        "lead_id": wanted.lead_id,
    }  # fmt: skip
    given = {name: value for name, value in filters.items() if value is not None}
    statement = sql.read_events(NAMES, given, has_cursor=after is not None, has_since=since is not None)
    with bounded() as cursor:
        cursor.execute(sql.HORIZON)
        (horizon,) = cursor.fetchone()
        values = {**given, "since": since, "last_id": last_id, "limit": wanted.limit, "horizon": horizon}
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
