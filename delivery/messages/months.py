"""In which months a message with an id may stand: an id alone would be looked for in the index of every month.

Ids rise with time, so the first id of each month tells. A transaction that was open over midnight may have a row that
is older than its id: a day of slack on both sides is more than any transaction lasts.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right

from django.db import connection
from django.db.models import Q

from delivery.kept import Kept

TABLE = "delivery_message"
# first ids of past months never change, and a month that is not known yet only widens the search
REMEMBERED_SECONDS = 3600.0
SLACK = dt.timedelta(days=1)
CHILDREN = f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{TABLE}'::regclass"  # noqa: S608


def _read() -> tuple[list[int], list[dt.datetime]]:
    """The first id of each month that has messages, ascending, and when these months begin."""
    with connection.cursor() as cursor:
        cursor.execute(CHILDREN)
        names = sorted(row[0] for row in cursor.fetchall() if row[0].startswith(f"{TABLE}_"))
        if not names:
            return [], []
        # names of tables of ours; each is one probe of its primary key
        parts = (f"SELECT '{name}', (SELECT min(id) FROM {name})" for name in names)  # noqa: S608
        cursor.execute(" UNION ALL ".join(parts))
        found = sorted((first, _month(name)) for name, first in cursor.fetchall() if first is not None)
    return [first for first, _ in found], [month for _, month in found]


def _month(name: str) -> dt.datetime:
    year, month = name.removeprefix(f"{TABLE}_").split("_")[:2]
    return dt.datetime(int(year), int(month), 1, tzinfo=dt.UTC)


first_ids = Kept(_read, seconds=REMEMBERED_SECONDS)


def around(message_id: int) -> Q:
    """A condition for the row of this id, by which PostgreSQL looks into one to three months."""
    ids, months = first_ids.get()
    place = bisect_right(ids, message_id)
    condition = Q(id=message_id)
    if place:
        condition &= Q(created_at__gte=months[place - 1] - SLACK)
    if place < len(months):
        condition &= Q(created_at__lt=months[place] + SLACK)
    return condition
