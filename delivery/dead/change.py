"""Changing dead letters, each chunk with its change of the numbers in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from delivery import enqueue
from delivery.dead import sql
from delivery.dead.rows import Key, Source
from delivery.messages import events
from delivery.models import DeadDecision
from delivery.unknown import adjust

Action = DeadDecision.Action


def change(source: str, action: str, keys: Iterable[Key]) -> dict[int, int]:
    """Try these letters again or close them; how many were changed, by campaign id (0 for messages).

    What is not dead any more is left alone, and what is of a cancelled campaign is not tried again. A requeued letter
    has all its tries before it and is due now; the collector, or a transactional worker, takes it from there.
    """
    found: dict[int, list[int]] = defaultdict(list)
    chosen = list(keys)
    is_requeue = action == Action.REQUEUE
    parameters: dict[str, Any] = {
        "campaigns": [key.campaign_id for key in chosen],
        "ids": [key.id for key in chosen],
        "is_requeue": is_requeue,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK_EMAILS if source == Source.EMAILS else sql.LOCK_MESSAGES, parameters)
        for campaign_id, letter_id in cursor.fetchall():
            found[campaign_id].append(letter_id)
        for campaign_id, ids in found.items():
            if source == Source.EMAILS:
                _change_emails(campaign_id, ids, is_requeue)
            else:
                events.change(sql.REQUEUE_MESSAGES if is_requeue else sql.DISCARD_MESSAGES, {"ids": ids})
        if found and source == Source.MESSAGES and is_requeue:
            transaction.on_commit(lambda: enqueue.send_messages() and None)
    return {campaign_id: len(ids) for campaign_id, ids in found.items()}


def _change_emails(campaign_id: int, ids: list[int], is_requeue: bool) -> None:
    with connection.cursor() as cursor:
        statement = sql.REQUEUE_EMAILS if is_requeue else sql.DISCARD_EMAILS
        cursor.execute(statement, {"campaign": campaign_id, "ids": ids})
    if is_requeue:
        adjust(campaign_id, dead=-len(ids), deferred=len(ids))
    else:
        adjust(campaign_id, dead=-len(ids), failed=len(ids))
