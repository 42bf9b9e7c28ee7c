"""Delivery's tasks: ids only, one service each. Any of them may run twice at any moment.

Which of them are run again when an engine is away, and which not: campaigns/infrastructure.py.
"""

from __future__ import annotations

import datetime as dt

from celery import shared_task
from django.db.models import Max

from campaigns.infrastructure import RETRIED
from campaigns.models import Campaign
from delivery import (
    alerts,
    collect,
    departures,
    guardrails,
    launch,
    message_sender,
    numbers,
    partitions,
    provider_events,
    send,
    sweep,
    warm_up,
)
from delivery.dead import alert as dead_alert
from delivery.dead import decisions as dead_decisions
from delivery.messages import content, copies


@shared_task(name="delivery.send_batch", acks_late=False)
def send_batch(batch_id: int) -> int:
    """Send what is left of a batch and what is due next, then wake others.

    A second copy finds the lease taken and another batch, or none.
    """
    settled = send.send_for_a_turn(batch_id)
    if settled:
        sweep.publish_batches()
    return settled


@shared_task(name="delivery.send_messages", acks_late=False)
def send_messages() -> int:
    """Send due transactional messages. Each row is claimed by one worker; a second copy finds other rows or none."""
    return message_sender.send_due()


@shared_task(name="delivery.sweep")
def sweep_due() -> dict[str, int]:
    """Publish what is due. Two sweepers at once share the rows by SKIP LOCKED."""
    return sweep.sweep()


@shared_task(name="delivery.collect_retries", **RETRIED)
def collect_retries() -> int:
    """Make retry batches of due rows. Two collectors at once share the rows by SKIP LOCKED."""
    return collect.collect_retries()


@shared_task(name="delivery.refresh_counters")
def refresh_counters() -> int:
    """Copy numbers to campaign rows and pause campaigns that pass a limit. The last writer writes the same sums."""
    changed = numbers.refresh_counters()
    guardrails.check()
    departures.note()
    return changed


@shared_task(name="delivery.ensure_partitions", **RETRIED)
def ensure_partitions() -> list[str]:
    """Create partitions ahead. An advisory lock lets one creator at a time look and make."""
    newest = Campaign.objects.aggregate(newest=Max("pk"))["newest"] or 0
    return partitions.ensure_ahead(newest_campaign_id=newest, today=dt.datetime.now(dt.UTC).date())


@shared_task(name="delivery.advance_warm_ups", **RETRIED)
def advance_warm_ups() -> int:
    """Move warm-up plans on and forget old events of providers. A second runner finds every plan moved already."""
    provider_events.trim()
    return warm_up.advance_all()


@shared_task(name="delivery.launch_campaign", **RETRIED)
def launch_campaign(campaign_id: int) -> bool:
    """Launch a due campaign. A second copy waits for the row lock and finds the state changed."""
    return launch.launch_campaign(campaign_id=campaign_id)


@shared_task(name="delivery.deliver_alerts", **RETRIED)
def deliver_alerts() -> int:
    """Post alerts that are due. Each is claimed before it is posted; a second runner finds others or none."""
    return alerts.deliver_due()


@shared_task(name="delivery.check_dead_letters", **RETRIED)
def check_dead_letters() -> bool:
    """Tell operators when too many dead letters wait, and wake decisions about them that stand still.

    A second runner finds that they were told; a second wake-up shares the work.
    """
    dead_decisions.resume_stranded()
    return dead_alert.check()


@shared_task(name="delivery.run_dead_decision", **RETRIED)
def run_dead_decision(decision_id: int) -> bool:
    """Carry a decision about dead letters out. Each chunk is changed and marked in one transaction: twice is once."""
    return dead_decisions.run(decision_id)


@shared_task(name="delivery.forget_messages", **RETRIED)
def forget_messages() -> int:
    """Drop copies whose days are over, and contents that nobody needs. A second runner finds nothing left."""
    return copies.drop_expired() + content.forget()
