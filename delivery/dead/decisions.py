"""Decisions about dead letters: written down first, then carried out; small ones at once, large ones in the background.

The row of a decision is its own outbox: it says where the work stands, each chunk moves it in the transaction that
changes the letters, and so a worker that dies, a task that is lost or runs twice, and a stop cost nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models.functions import Now

from campaigns.models import Campaign
from delivery import enqueue, numbers
from delivery.dead.change import Action, change
from delivery.dead.filter import DeadFilter
from delivery.dead.rows import START, Key, Source, stretch
from delivery.models import DeadDecision
from delivery.stop import is_stopping

logger = logging.getLogger(__name__)

State = DeadDecision.State
CHUNK = 5_000
MAX_CHOSEN = 1_000
# what is not done within this time goes on in the background
AT_ONCE_SECONDS = 2.0
STRANDED_SECONDS = 60


def decide(
    *, action: str, source: str, by: Any, where: DeadFilter | None = None, keys: Sequence[Key] | None = None
) -> DeadDecision:
    """Try dead letters again or close them, and write that down; the decision, done or at work.

    where: all that the filter lets through. keys: these instead, 1,000 at most; those that are not dead are left alone.
    What takes longer than about two seconds is carried on by a worker: look at `state` and `changed`.
    Raises ValueError when neither or both, or too many, are given.
    """
    if (where is None) == (keys is None):
        raise ValueError("A decision is about a filter or about chosen letters.")
    if keys is not None and len(keys) > MAX_CHOSEN:
        raise ValueError(f"At most {MAX_CHOSEN:,} letters are chosen by hand.")
    decision = DeadDecision.objects.create(
        action=action,
        source=source,
        criteria=where.as_dict() if where else {},
        keys=[f"{key.campaign_id}:{key.id}" for key in keys or ()],
        by=by,
        by_name=by.get_username() if by is not None else "",
    )
    if not run(decision.pk, seconds=AT_ONCE_SECONDS):
        transaction.on_commit(lambda: enqueue.run_dead_decision(decision.pk) and None)
    decision.refresh_from_db()
    return decision


def run(decision_id: int, *, seconds: float | None = None) -> bool:
    """Carry a decision out, for so long; whether it is over. Two at once share the chunks.

    Leaves early when the worker is shutting down: `resume_stranded` finds what is left.
    """
    begun = time.monotonic()
    while step(decision_id):
        if is_stopping() or (seconds is not None and time.monotonic() - begun > seconds):
            return False
    return True


def step(decision_id: int) -> bool:
    """One chunk; whether there is more. The lock on the decision's row lets one runner, or a stop, in at a time."""
    with transaction.atomic():
        decision = DeadDecision.objects.select_for_update().filter(pk=decision_id, state=State.RUNNING).first()
        if decision is None:
            return False
        changed = _next_chunk(decision)
        decision.tally = dict(Counter(decision.tally) + Counter({str(key): value for key, value in changed.items()}))
        decision.changed += sum(changed.values())
        decision.heartbeat_at = Now()
        if decision.at_id is None:
            _end(decision, State.DONE)
        decision.save()
    if decision.source == Source.EMAILS and changed:
        numbers.refresh_counters(campaign_ids=list(changed))
    return bool(decision.state == State.RUNNING)


def _next_chunk(decision: DeadDecision) -> dict[int, int]:
    """Change the next letters and move the decision on; its at_id is None when there are no more."""
    if decision.keys:
        chosen = [Key(*map(int, text.split(":"))) for text in decision.keys]
        decision.looked = len(chosen)
        return change(decision.source, decision.action, chosen)
    before = START if decision.at_id is None else Key(decision.at_campaign or 0, decision.at_id)
    found = stretch(decision.source, DeadFilter.from_dict(decision.criteria), before, CHUNK)
    decision.looked += found.looked
    decision.at_campaign, decision.at_id = found.last or (None, None)
    return change(decision.source, decision.action, [letter.key for letter in found.letters])


def stop(decision_id: int) -> bool:
    """Stop a decision that is at work; what it has changed stays. False when it was over already."""
    with transaction.atomic():
        decision = DeadDecision.objects.select_for_update().filter(pk=decision_id, state=State.RUNNING).first()
        if decision is None:
            return False
        _end(decision, State.STOPPED)
        decision.save()
    return True


def _end(decision: DeadDecision, state: str) -> None:
    """Close the decision, and write into the history of each campaign what it changed there."""
    decision.state, decision.finished_at = state, Now()
    if decision.by_id is None or decision.source != Source.EMAILS:
        return
    for campaign in Campaign.objects.filter(pk__in=decision.tally).defer("body", "text"):
        LogEntry.objects.log_actions(
            decision.by_id,
            [campaign],
            CHANGE,
            change_message=words_for(decision.action, decision.tally[str(campaign.pk)]),
            single_object=True,
        )


def words_for(action: str, count: int) -> str:
    """What was done, in one sentence."""
    letters = f"{count:,} dead letter{'' if count == 1 else 's'}"
    return f"{letters} will be tried again." if action == Action.REQUEUE else f"{letters} discarded."


def resume_stranded() -> int:
    """Wake workers for decisions that nobody has worked on for a minute; how many."""
    silent = DeadDecision.objects.filter(
        state=State.RUNNING, heartbeat_at__lt=Now() - timedelta(seconds=STRANDED_SECONDS)
    )
    stranded = list(silent.values_list("pk", flat=True))
    for decision_id in stranded:
        logger.warning("decision %s about dead letters stood still; queued again", decision_id)
        enqueue.run_dead_decision(decision_id)
    return len(stranded)
