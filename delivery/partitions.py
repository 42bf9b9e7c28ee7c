"""Partitions of the ledger (blocks of campaign ids) and of transactional mail (months), created ahead.

CREATE … PARTITION OF takes a lock on the parent that waits for every open reader and then blocks all new ones.
CREATE … LIKE with ATTACH does not, so that is the only way used here, under an advisory lock: two creators at once
would otherwise both try.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import connection

from campaigns.alone import key_of
from delivery.models.email import CAMPAIGNS_A_PARTITION

logger = logging.getLogger(__name__)

ADVISORY_LOCK = 7_204_811
# of one block of campaigns: a launch shares it until it commits, a removal holds it alone
BLOCK_LOCK = 7_204_812
MONTHS_AHEAD = 3
STANDING = """
SELECT to_regclass(%(child)s),
       EXISTS (SELECT FROM pg_inherits WHERE inhparent = to_regclass(%(parent)s) AND inhrelid = to_regclass(%(child)s)
                  AND NOT inhdetachpending)
"""
BY_MONTH = {"delivery_message": "created_at", "delivery_messageevent": "at"}


class Detached(RuntimeError):
    """A table of this name stands outside of its parent: retention is removing it. Try again when it is gone."""


def _stands(cursor: Any, parent: str, child: str) -> bool:
    """Whether there is such a partition. Raises Detached: what is written for it would find no place."""
    cursor.execute(STANDING, {"parent": parent, "child": child})
    table, is_attached = cursor.fetchone()
    if table and not is_attached:
        raise Detached(f"{child} is no part of {parent} any more")
    return bool(table)


def _attach(cursor: Any, parent: str, child: str, column: str, low: str, high: str) -> bool:
    """Create and attach one partition; False when it stands already. Bounds are trusted literals made here."""
    if _stands(cursor, parent, child):
        return False
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    if _stands(cursor, parent, child):
        return False
    # the fill factor leaves room for first-open and first-click updates on the same page
    cursor.execute(f"CREATE TABLE {child} (LIKE {parent} INCLUDING ALL) WITH (fillfactor = 85)")
    cursor.execute(f"ALTER TABLE {child} ADD CONSTRAINT {child}_range CHECK ({column} >= {low} AND {column} < {high})")
    cursor.execute(f"ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({low}) TO ({high})")
    return True


def block_lock(block: int) -> int:
    """The advisory lock under which a block of campaigns is removed."""
    return key_of(BLOCK_LOCK, block)


def ensure_email_partition(campaign_id: int) -> bool:
    """Make sure that the ledger has a place for this campaign, and keeps it until the transaction ends.

    Call inside a transaction. Raises Detached while the block is being removed.
    """
    block = campaign_id // CAMPAIGNS_A_PARTITION
    with connection.cursor() as cursor:
        # nobody waits for the other: a removal waits for all who have the ledger open, a launch would be among them
        cursor.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", [block_lock(block)])
        if not cursor.fetchone()[0]:
            raise Detached(f"the block of campaign {campaign_id} is being removed")
    low, high = block * CAMPAIGNS_A_PARTITION, (block + 1) * CAMPAIGNS_A_PARTITION
    with connection.cursor() as cursor:
        return _attach(cursor, "delivery_email", f"delivery_email_b{block}", "campaign_id", str(low), str(high))


def ensure_month(parent: str, column: str, month: dt.date) -> bool:
    """Make sure that `parent` has a partition for the month of `month`. Call inside a transaction."""
    first = month.replace(day=1)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    low, high = f"'{first.isoformat()} 00:00+00'::timestamptz", f"'{following.isoformat()} 00:00+00'::timestamptz"
    with connection.cursor() as cursor:
        return _attach(cursor, parent, f"{parent}_{first:%Y_%m}", column, low, high)


def _exists(table: str) -> bool:
    """Migrations make partitions ahead too, some before the younger tables stand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return bool(cursor.fetchone()[0])


def months_from(today: dt.date, count: int = MONTHS_AHEAD) -> list[dt.date]:
    """The first days of this month and of the `count` following ones."""
    months = [today.replace(day=1)]
    for _ in range(count):
        months.append((months[-1] + dt.timedelta(days=32)).replace(day=1))
    return months


def ensure_ahead(*, newest_campaign_id: int, today: dt.date) -> list[str]:
    """Create what the coming weeks need; the names of what was missing, for the log."""
    from django.db import transaction

    made = []
    for campaign_id in (newest_campaign_id, newest_campaign_id + CAMPAIGNS_A_PARTITION):
        try:
            with transaction.atomic():
                if ensure_email_partition(campaign_id):
                    made.append(f"delivery_email for campaign {campaign_id}")
        except Detached as error:
            logger.warning("not made ahead: %s", error)
    for parent, column in BY_MONTH.items():
        for month in months_from(today) if _exists(parent) else ():
            with transaction.atomic():
                if ensure_month(parent, column, month):
                    made.append(f"{parent} for {month:%Y-%m}")
    return made
