"""Keeping engagement up to date while events are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import connection

from tracking import arrays
from tracking.engagement import sql
from tracking.ledger import Known
from tracking.occurrence import Occurrence

# as PostgreSQL reads them in an array; those of our years stand in the order of their letters
Times = list[str]
NULL = "NULL"
# places in sql.COLUMNS that an event by a person moves, and one by a machine
BY_PEOPLE: Mapping[str, tuple[int, ...]] = {"open": (0, 1), "click": (2, 3), "unsubscribe": (4,)}
BY_OTHERS: Mapping[str, tuple[int, ...]] = {"open": (1,), "click": (3,), "unsubscribe": (4,)}


def add(fresh: Sequence[tuple[Occurrence, Known | None]]) -> None:
    """Note opens, clicks and unsubscribes of campaigns. Call in the transaction that inserted exactly these events."""
    rows: dict[tuple[int, int], Times] = {}
    for o, _ in fresh:
        places = (BY_PEOPLE if o.who == "human" else BY_OTHERS).get(o.kind)
        if places and o.campaign_id is not None and o.lead_id is not None:
            key = o.campaign_id, o.lead_id
            times = rows.get(key)
            if times is None:
                times = rows[key] = [NULL] * len(sql.COLUMNS)
            at = f'"{arrays.time(o.at)}"'
            for place in places:
                known = times[place]
                if known == NULL or known < at:
                    times[place] = at
    if not rows:
        return
    keys = sorted(rows)
    campaigns, leads = zip(*keys, strict=True)
    # in the order of the tables' keys: each page is found once
    columns = map(arrays.written, zip(*[rows[key] for key in keys], strict=True))
    values = dict(zip(sql.COLUMNS, columns, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(sql.ADD, {"campaigns": arrays.bigints(campaigns), "leads": arrays.bigints(leads), **values})


def forget(lead_id: int) -> None:
    """Delete what is kept of an erased lead, in the transaction that erases it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET_CAMPAIGNS, {"lead": lead_id})
        cursor.execute(sql.FORGET_LEAD, {"lead": lead_id})
