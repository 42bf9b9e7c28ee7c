"""Keeping engagement up to date while events are recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from django.db import connection

from tracking import arrays
from tracking.engagement import sql
from tracking.ledger import Known
from tracking.occurrence import Occurrence

Times = list[dt.datetime | None]
Key = TypeVar("Key")
# places in sql.COLUMNS that an event by a person moves, and one by a machine
BY_PEOPLE: Mapping[str, tuple[int, ...]] = {"open": (0, 1), "click": (2, 3), "unsubscribe": (4,)}
BY_OTHERS: Mapping[str, tuple[int, ...]] = {"open": (1,), "click": (3,), "unsubscribe": (4,)}


def add(fresh: Sequence[tuple[Occurrence, Known | None]]) -> None:
    """Note opens, clicks and unsubscribes of campaigns. Call in the transaction that inserted exactly these events."""
    campaigns: dict[tuple[int, int], Times] = {}
    leads: dict[int, Times] = {}
    for occurrence, _ in fresh:
        places = (BY_PEOPLE if occurrence.who == "human" else BY_OTHERS).get(occurrence.kind)
        campaign_id, lead_id = occurrence.campaign_id, occurrence.lead_id
        if places and campaign_id is not None and lead_id is not None:
            _note(campaigns, (campaign_id, lead_id), occurrence.at, places)
    if not campaigns:
        return
    for (_, lead_id), times in campaigns.items():
        known = leads.get(lead_id)
        leads[lead_id] = times if known is None else [_later(one, two) for one, two in zip(known, times, strict=True)]
    with connection.cursor() as cursor:
        keys = sorted(campaigns)
        ids = {"campaigns": arrays.bigints(key[0] for key in keys), "leads": arrays.bigints(key[1] for key in keys)}
        cursor.execute(sql.ADD_CAMPAIGNS, {**ids, **_columns(campaigns[key] for key in keys)})
        lead_ids = sorted(leads)
        columns = _columns(leads[lead_id] for lead_id in lead_ids)
        cursor.execute(sql.ADD_LEADS, {"leads": arrays.bigints(lead_ids), **columns})


def forget(lead_id: int) -> None:
    """Delete what is kept of an erased lead, in the transaction that erases it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET_CAMPAIGNS, {"lead": lead_id})
        cursor.execute(sql.FORGET_LEAD, {"lead": lead_id})


def _note(rows: dict[Key, Times], key: Key, at: dt.datetime, places: tuple[int, ...]) -> None:
    times = rows.get(key)
    if times is None:
        times = rows[key] = [None] * len(sql.COLUMNS)
    for place in places:
        known = times[place]
        if known is None or at > known:
            times[place] = at


def _later(one: dt.datetime | None, two: dt.datetime | None) -> dt.datetime | None:
    return max(one, two) if one and two else one or two


def _columns(rows: Iterable[Times]) -> dict[str, str]:
    return dict(zip(sql.COLUMNS, map(arrays.times, zip(*rows, strict=True)), strict=True))
