"""One thing that happened, as endpoints are told of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from tracking.hooks.schedule import GIVE_UP_AFTER


class News(NamedTuple):
    """event_id: the same for all endpoints and tries. body: JSON of type, timestamp and data, as it is posted.

    stream: "marketing" or "transactional". is_person: False for opens and clicks that are not surely a person's.
    address: whom it is about where lead_id is None, such as a message's recipient; "" for nobody.
    """

    event_id: str
    kind: str
    body: str
    stream: str
    lead_id: int | None = None
    tags: Sequence[str] = ()
    is_person: bool = True
    address: str = ""


def body_of(kind: str, at: dt.datetime, data: dict[str, Any]) -> str:
    """The three fields that Standard Webhooks asks for."""
    return json.dumps({"type": kind, "timestamp": at.isoformat(), "data": data}, separators=(",", ":"), default=str)


def new_id() -> str:
    return f"evt_{uuid4().hex}"


def columns(news: Sequence[News]) -> dict[str, Any]:
    """The parameters of sql.ENQUEUE."""
    return {
        "event_ids": [one.event_id for one in news],
        "kinds": [one.kind for one in news],
        "bodies": [one.body for one in news],
        "lead_ids": [one.lead_id for one in news],
        "streams": [one.stream for one in news],
        "tags": [json.dumps(list(one.tags)) for one in news],
        "people": [one.is_person for one in news],
        "addresses": [one.address for one in news],
        "hours": GIVE_UP_AFTER.total_seconds() / 3600,
    }
