"""The tasks of what comes back. Most run on the control worker, by beat."""

from __future__ import annotations

import datetime as dt
import logging

import redis
from celery import shared_task
from django.db import InterfaceError, OperationalError

from campaigns.infrastructure import RETRIED
from delivery import soft_bounces
from tracking import consume, enqueue, partitions, retention, roll
from tracking import reclassify as reclassification
from tracking.forms import cleanup
from tracking.hooks import deliver, endpoints
from tracking.inbound import mailbox, strays
from tracking.webhooks import state

log = logging.getLogger(__name__)


@shared_task(name="tracking.drain")
def drain() -> None:
    """Record waiting events. Twice at once is harmless: the second finds the lock taken; twice in a row finds nothing.

    With an engine away the events stay in the stream for the next drain, a second later.
    """
    try:
        drained = consume.drain()
    except (redis.RedisError, OperationalError, InterfaceError) as error:
        log.warning("events wait in the stream: %s", error)
        return
    if drained.entries or drained.new:
        log.info("events: %s", drained)


@shared_task(name="tracking.ensure_partitions", **RETRIED)
def ensure_partitions() -> None:
    """Create the event table's coming months. Twice is harmless: what stands is left alone."""
    for made in partitions.ensure_ahead(dt.datetime.now(dt.UTC).date()):
        log.info("partition made: %s", made)


@shared_task(name="tracking.apply_retention", **RETRIED)
def apply_retention() -> None:
    """Remove details that are old enough to go. Twice at once is harmless: the second finds the lock taken."""
    applied = retention.apply()
    for words in (*applied.removed, *(f"{count} {what}" for what, count in applied.pruned.items())):
        log.info("removed: %s", words)


@shared_task(name="tracking.finish_removals", **RETRIED)
def finish_removals() -> None:
    """Carry removals on that were broken off. Twice at once is harmless: the second finds the lock taken."""
    for words in retention.finish_begun().removed:
        log.info("removed: %s", words)


@shared_task(name="tracking.roll_up", **RETRIED)
def roll_up() -> None:
    """Count finished batches and changed rows for reports. Twice is harmless: a second finds the lock taken."""
    rolled = roll.roll_up()
    if rolled.batches:
        log.info("counted for reports: %s", rolled)


@shared_task(name="tracking.reclassify", **RETRIED)
def reclassify(run_id: int) -> bool:
    """Judge stored events again. Twice at once is harmless: each round is one transaction that locks the run's row."""
    return reclassification.run(run_id)


@shared_task(name="tracking.resume_reclassifications", **RETRIED)
def resume_reclassifications() -> int:
    """Wake workers for runs that stand still. A second wake-up shares the work."""
    found = reclassification.stranded()
    for run_id in found:
        enqueue.reclassify(run_id)
    return len(found)


@shared_task(name="tracking.forget_unconfirmed", **RETRIED)
def forget_unconfirmed() -> None:
    """Forget who never confirmed a subscription. Twice at once is harmless: each lead is locked and looked at again."""
    cleanup.forget_unconfirmed()


@shared_task(name="tracking.deliver_webhooks", **RETRIED)
def deliver_webhooks() -> int:
    """Post webhooks that are due. A second run finds the lock taken; a post that is made twice has the same id."""
    return deliver.deliver_due()


@shared_task(name="tracking.prune_webhooks", **RETRIED)
def prune_webhooks() -> int:
    """Forget old deliveries. Twice is harmless: what is gone is gone."""
    return endpoints.prune()


@shared_task(name="tracking.visit_mailboxes", **RETRIED)
def visit_mailboxes() -> None:
    """Empty the mailboxes that bounces arrive in. Twice at once is harmless: a mailbox has one visitor at a time."""
    for name, done in mailbox.visit_all().items():
        if done.taken:
            log.info("mailbox %s: %s", name, done)


@shared_task(name="tracking.prune_strays", **RETRIED)
def prune_strays() -> None:
    """Delete what came back about no e-mail of ours and is old, or too many. Twice is harmless: it is gone then."""
    gone = state.prune_strays() + strays.prune() + soft_bounces.prune()
    if gone:
        log.info("%s old notes of what came back are gone", gone)
