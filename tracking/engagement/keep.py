"""Keeping engagement up to date while events are recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.db import connection

from tracking import arrays
from tracking.engagement import sql
from tracking.ledger import Known
from tracking.occurrence import Occurrence

Times = list[dt.datetime | None]
# places in sql.COLUMNS that an event by a person moves, and one by a machine
BY_PEOPLE: Mapping[str, tuple[int, ...]] = {"open": (0, 1), "click": (2, 3), "unsubscribe": (4,)}
BY_OTHERS: Mapping[str, tuple[int, ...]] = {"open": (1,), "click": (3,), "unsubscribe": (4,)}


def add(fresh: Sequence[tuple[Occurrence, Known | None]]) -> None:
    """Note opens, clicks and unsubscribes of campaigns. Call in the transaction that inserted exactly these events."""
    rows: dict[tuple[int, int], Times] = {}
    for occurrence, _ in fresh:
        places = (BY_PEOPLE if occurrence.who == "human" else BY_OTHERS).get(occurrence.kind)
        if places and occurrence.campaign_id is not None and occurrence.lead_id is not None:
            times = rows.setdefault((occurrence.campaign_id, occurrence.lead_id), [None] * len(sql.COLUMNS))
            for place in places:
                known = times[place]
                times[place] = occurrence.at if known is None else max(known, occurrence.at)
    if not rows:
        return
    campaigns, leads = zip(*rows, strict=True)
    columns = map(arrays.times, zip(*rows.values(), strict=True))
    values = dict(zip(sql.COLUMNS, columns, strict=True))
    with connection.cursor() as cursor:
        keys = {"campaigns": arrays.bigints(campaigns), "leads": arrays.bigints(leads)}
        cursor.execute(sql.ADD_CAMPAIGNS, {**keys, **values})
        cursor.execute(sql.ADD_LEADS, {**keys, **values})


def forget(lead_id: int) -> None:
    """Delete what is kept of an erased lead, in the transaction that erases it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET_CAMPAIGNS, {"lead": lead_id})
        cursor.execute(sql.FORGET_LEAD, {"lead": lead_id})
