"""What people decide about dead letters: e-mails that were given up after all retries.

Unlike an unknown e-mail, a dead letter was certainly not accepted: trying again cannot make a second copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from campaigns.models import Campaign
from delivery import decision_sql as sql
from delivery import numbers
from delivery.unknown import DecisionRefused, adjust

CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class DeadFilter:
    """Which dead letters of a campaign. reply: words in the last reply, in any case; code: its SMTP code."""

    reply: str = ""
    code: int | None = None
    provider_id: int | None = None


ALL = DeadFilter()


def requeue(*, campaign_id: int, lead_ids: Sequence[int] | None = None, where: DeadFilter = ALL) -> int:
    """Let dead letters be tried again from the start, due now; how many. The collector takes them from here.

    lead_ids: None for all that `where` lets through. What is not dead any more is left alone.
    Raises DecisionRefused for a cancelled campaign, Campaign.DoesNotExist.
    """
    if Campaign.objects.values_list("state", flat=True).get(pk=campaign_id) == Campaign.State.CANCELLED:
        raise DecisionRefused("This campaign is cancelled: nothing of it is tried again.")
    return _change(sql.REQUEUE_DEAD, "deferred", campaign_id, lead_ids, where)


def discard(*, campaign_id: int, lead_ids: Sequence[int] | None = None, where: DeadFilter = ALL) -> int:
    """Close dead letters for good: they become failed, with "discarded" before their last reply; how many."""
    return _change(sql.DISCARD_DEAD, "failed", campaign_id, lead_ids, where)


def _change(statement: str, counter: str, campaign_id: int, lead_ids: Sequence[int] | None, where: DeadFilter) -> int:
    """Chunk by chunk, each with its change of the numbers in one transaction."""
    changed, after = 0, 0
    while True:
        found = _change_chunk(statement, counter, campaign_id, lead_ids, where, after)
        changed += len(found)
        if len(found) < CHUNK:
            break
        after = found[-1]
    if changed:
        numbers.refresh_counters(campaign_ids=[campaign_id])
    return changed


def _change_chunk(
    statement: str, counter: str, campaign_id: int, lead_ids: Sequence[int] | None, where: DeadFilter, after: int
) -> list[int]:
    values = {
        "campaign": campaign_id,
        "leads": None if lead_ids is None else list(lead_ids),
        "code": where.code,
        "provider": where.provider_id,
        "reply": where.reply,
        "after": after,
        "limit": CHUNK,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK_DEAD, values)
        found = [row[0] for row in cursor.fetchall()]
        if found:
            cursor.execute(statement, {"campaign": campaign_id, "leads": found})
            adjust(campaign_id, dead=-len(found), **{counter: len(found)})
    return found
