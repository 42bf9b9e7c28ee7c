"""Engagement from the stored events: for what was recorded before, and after events were judged anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction

from tracking import arrays, partitions
from tracking.engagement import sql

# leads with twenty events each: a transaction of a second or two
LEADS_A_STEP = 20_000


def recompute(campaign_id: int, lead_ids: Sequence[int]) -> None:
    """Read the last times of these leads anew from their stored events: somebody changed who made them.

    Times before the oldest month that is kept stay as they are. Call in the transaction that changed the events.
    """
    if not lead_ids:
        return
    leads = arrays.bigints(sorted(set(lead_ids)))
    values: dict[str, Any] = {"campaign": campaign_id, "leads": leads, "oldest": _oldest()}
    with connection.cursor() as cursor:
        # locked in order first, as `add` does: an UPDATE takes its rows as they come
        for statement in (sql.LOCK_CAMPAIGNS, sql.REPLACE_CAMPAIGNS, sql.LOCK_LEADS, sql.REPLACE_LEADS):
            cursor.execute(statement, values)


def rebuild() -> Iterator[tuple[int, int]]:
    """Add what all stored events tell, step by step; pairs of leads done and leads to do, by their ids.

    Each step is a transaction of its own; doing it twice, or while events are drained, changes nothing more.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.LEAD_RANGE)
        low, high = cursor.fetchone()
    for begin in range(low, high + 1, LEADS_A_STEP):
        bounds = {"low": begin, "high": begin + LEADS_A_STEP}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql.FILL_CAMPAIGNS, bounds)
            cursor.execute(sql.FILL_LEADS, bounds)
        yield min(begin + LEADS_A_STEP, high + 1) - low, high + 1 - low


def _oldest() -> dt.datetime:
    year, month = min(partitions.months(), default=(9999, 1))
    return dt.datetime(year, month, 1, tzinfo=dt.UTC)
