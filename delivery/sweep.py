"""The sweeper: publishes what is due. It is the only source of progress; every Celery message is just a hint."""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Callable
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from campaigns.models import Campaign
from delivery import enqueue, sql
from delivery.directory import REFRESH_SECONDS
from delivery.messages import events
from delivery.messages import sql as message_sql
from delivery.models import Provider

logger = logging.getLogger(__name__)

# wake-ups that wait in the broker: a few for each slot, so that urgent work published later is near the head
AHEAD = 4 * (os.cpu_count() or 2)
# a launch that was published is given this long to begin before it is published again
LAUNCH_REPEAT_SECONDS = 15


def sweep() -> dict[str, int]:
    """Publish due launches, batches and messages; what was published, by name. Harmless to run twice at once."""
    return {
        "launches": publish_launches(),
        "batches": publish_batches(),
        "messages": publish_messages(),
        "cancelled": settle_cancelled(),
        "drained": pause_drained(),
    }


def wake_at_once(_campaign_id: int, state: str) -> None:
    """Publish what a campaign's new state makes due, when it is committed: the next sweep is up to a second away."""
    publish = AT_ONCE.get(state)
    if publish:
        # robust: the change of state stands, and the sweeper would do the same
        transaction.on_commit(publish, robust=True)


def publish_launches() -> int:
    """Wake launches of campaigns that are due, and of those whose launcher died."""
    due = Q(state=Campaign.State.SCHEDULED, scheduled_at__lte=Now()) | Q(state=Campaign.State.LAUNCHING)
    published = 0
    for campaign_id in Campaign.objects.filter(due).order_by("-priority", "id").values_list("pk", flat=True):
        if _is_first_call(f"launch:{campaign_id}", LAUNCH_REPEAT_SECONDS):
            published += enqueue.launch_campaign(campaign_id)
    return published


def publish_batches() -> int:
    """Fill the bulk queue up to AHEAD wake-ups, the most urgent batches first; how many were added.

    The mark is committed before the wake-up is sent: a wake-up that is lost is repeated after a back-off.
    """
    room = AHEAD - queue_length("bulk")
    if room <= 0:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.PUBLISH_BATCHES, {"limit": room})
        batch_ids = [row[0] for row in cursor.fetchall()]
    return enqueue.send_batches(batch_ids)


def publish_messages() -> int:
    """Wake a transactional worker when messages are due, and settle those whose worker was lost."""
    events.change(message_sql.EXPIRE)
    with connection.cursor() as cursor:
        cursor.execute(message_sql.DUE)
        waiting = cursor.fetchone()[0]
    return enqueue.send_messages() if waiting else 0


def settle_cancelled() -> int:
    """Let cancelled campaigns drain at once, and skip what they had deferred; how many campaigns had something."""
    with connection.cursor() as cursor:
        cursor.execute(sql.HURRY_CANCELLED)
    campaigns = Campaign.objects.filter(state=Campaign.State.CANCELLED, deferred__gt=0).values_list("pk", flat=True)
    for campaign_id in campaigns:
        with connection.cursor() as cursor:
            cursor.execute(sql.CANCEL_DEFERRED, {"campaign": campaign_id})
    return len(campaigns)


def pause_drained() -> int:
    """Providers that drain and cannot have anything under way any more become paused; how many.

    A worker has read that they drain within REFRESH_SECONDS, and no window lasts longer than its lease.
    """
    patience = dt.timedelta(seconds=settings.LEASE_SECONDS + REFRESH_SECONDS)
    draining = Provider.objects.filter(state=Provider.State.DRAINING, state_changed_at__lt=Now() - patience)
    return draining.update(state=Provider.State.PAUSED, state_changed_at=Now())


# what a campaign that comes to this state waits for: its launch, or workers after the launch and after a pause
AT_ONCE: dict[str, Callable[[], int]] = {
    Campaign.State.SCHEDULED: publish_launches,
    Campaign.State.SENDING: publish_batches,
}


def queue_length(queue: str) -> int:
    """Wake-ups that wait in the broker; 0 while it is away: publishing then fails by itself, and fast."""
    try:
        # a connection that is open already: one of its own would cost a worker child 4 ms a batch
        with current_app.producer_pool.acquire(block=True, timeout=2) as producer:
            channel: Any = producer.channel
            broker: Any = producer.connection
            try:
                return int(channel.queue_declare(queue=queue, passive=True).message_count)
            except broker.channel_errors:
                # Redis forgets an empty queue
                return 0
    except (OperationalError, OSError, RedisError) as error:
        logger.warning("the broker does not answer: %s", error)
        return 0


def _is_first_call(name: str, seconds: float) -> bool:
    """False while somebody did the same within `seconds`. Without Redis it is always True: doubles are harmless."""
    try:
        return bool(cache.add(f"sweep:{name}", 1, timeout=seconds))
    except RedisError as error:
        logger.warning("no memory of earlier sweeps without Redis: %s", error)
        return True
