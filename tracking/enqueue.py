"""The one place where tracking puts wake-ups on the broker, always after the transaction that they belong to."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def reclassify(run_id: int) -> None:
    """Wake a worker for this run once the transaction commits. Where that is lost, beat asks again within a minute."""
    transaction.on_commit(lambda: _send("tracking.reclassify", run_id))


def _send(task: str, *args: int) -> None:
    try:
        current_app.send_task(task, args=list(args), queue="default")
    except (OperationalError, OSError) as error:
        log.warning("the broker is away, %s%s not published: %s", task, args, error)
