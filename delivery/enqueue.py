"""The one place where delivery puts wake-ups on the broker."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def _send(task: str, args: Sequence[Sequence[int]], queue: str, expires: float | None = None) -> int:
    """Publish one task for each argument list. A broker that is away costs seconds, no mail: the sweeper repeats."""
    sent = 0
    try:
        with current_app.producer_pool.acquire(block=True, timeout=2) as producer:
            for arguments in args:
                current_app.send_task(task, args=list(arguments), queue=queue, producer=producer, expires=expires)
                sent += 1
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away, %s of %s %s not published: %s", len(args) - sent, len(args), task, error)
    return sent


def send_batches(batch_ids: Sequence[int]) -> int:
    """Wake bulk workers for these batches; how many wake-ups reached the broker."""
    return _send("delivery.send_batch", [[batch_id] for batch_id in batch_ids], "bulk") if batch_ids else 0


def send_messages() -> int:
    """Wake a transactional worker: it drains what is due."""
    return _send("delivery.send_messages", [[]], "transactional", expires=30)


def launch_campaign(campaign_id: int) -> int:
    """Wake a worker that launches the campaign."""
    return _send("delivery.launch_campaign", [[campaign_id]], "default")


def run_dead_decision(decision_id: int) -> int:
    """Wake a worker that carries a decision about dead letters on."""
    return _send("delivery.run_dead_decision", [[decision_id]], "default")
