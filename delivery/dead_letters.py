"""What people decide about a campaign's dead letters: e-mails that were given up after all retries.

Unlike an unknown e-mail, a dead letter was certainly not accepted: trying again cannot make a second copy. Decisions
that are written down, and those across campaigns, are made by `delivery.dead.decisions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from campaigns.models import Campaign
from delivery import numbers
from delivery.dead.change import Action, change
from delivery.dead.filter import DeadFilter
from delivery.dead.rows import START, Key, Source, stretch
from delivery.unknown import DecisionRefused

__all__ = ["ALL", "DeadFilter", "discard", "requeue"]

CHUNK = 5_000
ALL = DeadFilter()


def requeue(*, campaign_id: int, lead_ids: Sequence[int] | None = None, where: DeadFilter = ALL) -> int:
    """Let dead letters be tried again from the start, due now; how many. The collector takes them from here.

    lead_ids: None for all that `where` lets through. What is not dead any more is left alone.
    Raises DecisionRefused for a cancelled campaign, Campaign.DoesNotExist.
    """
    demand_requeueable(campaign_id)
    return _change(Action.REQUEUE, campaign_id, lead_ids, where)


def demand_requeueable(campaign_id: int) -> None:
    """Raises DecisionRefused for a cancelled campaign, Campaign.DoesNotExist."""
    if Campaign.objects.values_list("state", flat=True).get(pk=campaign_id) == Campaign.State.CANCELLED:
        raise DecisionRefused("This campaign is cancelled: nothing of it is tried again.")


def discard(*, campaign_id: int, lead_ids: Sequence[int] | None = None, where: DeadFilter = ALL) -> int:
    """Close dead letters for good: they become failed, with "discarded" before their last reply; how many."""
    return _change(Action.DISCARD, campaign_id, lead_ids, where)


def _change(action: str, campaign_id: int, lead_ids: Sequence[int] | None, where: DeadFilter) -> int:
    """Chunk by chunk, so that a million of them hold no lock for long."""
    wanted = None if lead_ids is None else set(lead_ids)
    changed = 0
    for keys in _chunks(replace(where, campaign_id=campaign_id)):
        chosen = [key for key in keys if wanted is None or key.id in wanted]
        changed += sum(change(Source.EMAILS, action, chosen).values())
    if changed:
        numbers.refresh_counters(campaign_ids=[campaign_id])
    return changed


def _chunks(where: DeadFilter) -> Iterator[list[Key]]:
    before: Key | None = START
    while before is not None:
        found = stretch(Source.EMAILS, where, before, CHUNK)
        yield [letter.key for letter in found.letters]
        before = found.last
