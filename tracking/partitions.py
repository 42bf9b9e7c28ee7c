"""Months of the event table, created ahead."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from delivery import partitions
from tracking import sql

PARENT = "tracking_event"
COLUMN = "at"


def ensure_ahead(today: dt.date) -> list[str]:
    """Create what the coming months need, and the month before (events that arrive late); names of what was missing."""
    before = today.replace(day=1) - dt.timedelta(days=1)
    made = []
    for month in (before, *partitions.months_from(today)):
        with transaction.atomic():
            if partitions.ensure_month(PARENT, COLUMN, month):
                made.append(f"{PARENT} for {month:%Y-%m}")
    return made


def months() -> set[tuple[int, int]]:
    """(year, month) in UTC of every partition that stands. ~0.5 ms."""
    with connection.cursor() as cursor:
        cursor.execute(sql.MONTHS, {"parent": PARENT})
        names = [name for (name,) in cursor.fetchall()]
    return {(int(name[-7:-3]), int(name[-2:])) for name in names}
