"""The ledger becomes counts for reports: by beat, batch by batch, never on the road of sending.

Each finished first batch is counted once, by the keys of its leads. What changes in a counted row later (a retry, a
bounce, a first open) stands in `EmailChange`, written by a trigger in the transaction of the change. So the sums are
those of the ledger, seconds later, and they are exact.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction

from tracking import dimensions, rollup_sql, sql
from tracking.retention.details import with_details

# about 4 ms each; a round is a transaction
BATCHES_A_ROUND = 20
# every five seconds: while a campaign leaves, counting takes at most a tenth of one core from it and follows later
SECONDS = 0.5


class Rolled(NamedTuple):
    """What was counted: first batches, and changes of counted rows."""

    batches: int = 0
    changes: int = 0


def roll_up(*, seconds: float = SECONDS) -> Rolled:
    """Count what is finished and not counted yet, until nothing is left or the time is over.

    A second roll-up at the same time returns at once. Each round is one transaction: killed at any moment, everything
    is counted once.
    """
    batches = changes = 0
    deadline = time.monotonic() + seconds
    while (rolled := _round()) != Rolled():
        batches, changes = batches + rolled.batches, changes + rolled.changes
        if time.monotonic() > deadline:
            break
    return Rolled(batches, changes)


def _round() -> Rolled:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(rollup_sql.ANYTHING)
        if not cursor.fetchone()[0]:
            return Rolled()
        cursor.execute(rollup_sql.TRY_LOCK)
        if not cursor.fetchone()[0]:
            return Rolled()
        # the planner knows no sizes here; a hash over everything that waits would be its first thought
        cursor.execute("SET LOCAL jit = off")
        cursor.execute(rollup_sql.ROLL, {"limit": BATCHES_A_ROUND, **dimensions.parameters()})
        return Rolled(*cursor.fetchone())


def count_anew(campaign_ids: Sequence[int]) -> list[int]:
    """Let the next roll-ups count these campaigns from their ledger again; which of them can be.

    After attributes were chosen, or to repair. Campaigns whose ledger retention has removed keep their counts. Opens
    and clicks by value stay as the drain counted them.
    """
    there = with_details(campaign_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(rollup_sql.LOCK)
        for statement in rollup_sql.FORGET:
            cursor.execute(statement, {"campaigns": there})
    return there


def add_up_quarters(campaign_ids: Sequence[int]) -> None:
    """Make sums by quarters of an hour anew from those by minute: a program of an older version wrote minutes alone.

    A transaction a campaign: whoever counts meanwhile waits for a tenth of a second.
    """
    for campaign_id in campaign_ids:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in (sql.OWN_EVENTS, rollup_sql.LOCK, *rollup_sql.QUARTERS_ANEW):
                cursor.execute(statement, {"campaign": campaign_id})
