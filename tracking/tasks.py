"""The tasks of what comes back. All run on the control worker, by beat."""

from __future__ import annotations

import datetime as dt
import logging

import redis
from celery import shared_task
from django.db import InterfaceError, OperationalError

from campaigns.infrastructure import RETRIED
from tracking import consume, partitions, roll

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


@shared_task(name="tracking.roll_up")
def roll_up() -> None:
    """Count finished batches and changed rows for reports. Twice is harmless: a second finds the lock taken."""
    rolled = roll.roll_up()
    if rolled.batches:
        log.info("counted for reports: %s", rolled)
