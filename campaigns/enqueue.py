"""The one place where campaigns puts wake-ups on the broker, always after the transaction that they belong to."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def import_leads(import_id: int) -> None:
    """Wake a worker for this import once the transaction commits."""
    transaction.on_commit(lambda: _send("campaigns.import_leads", import_id))


def import_suppressions(import_id: int) -> None:
    """Wake a worker for this import of suppressions once the transaction commits."""
    transaction.on_commit(lambda: _send("campaigns.import_suppressions", import_id))


def resolve_mail_domains() -> None:
    """Look up the next domains; where this is lost, beat asks again within a minute."""
    _send("campaigns.resolve_mail_domains")


def _send(task: str, *args: int) -> None:
    """A broker that is away costs a minute and no import: `requeue_stranded` asks again."""
    try:
        current_app.send_task(task, args=list(args), queue="default")
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, %s%s not published: %s", task, args, error)
