"""What Redis and the broker are asked for one scrape."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import redis
from amqp.exceptions import NotFound
from django.conf import settings
from kombu.exceptions import ChannelError

from delivery import metrics as pushed
from massmailer import pulse
from massmailer.celery import app
from tracking import stream

TIMEOUT_SECONDS = 1.0
QUEUES = ("transactional", "bulk", "default", "control")


@dataclass(frozen=True)
class RedisNumbers:
    """sweep_age_seconds: since the sweeper last ended well; None when that is more than a day ago."""

    pushed: pushed.Snapshot
    workers: dict[str, list[str]]
    sweep_age_seconds: float | None
    stream_length: int

    def workers_by_queue(self) -> dict[str, int]:
        """How many live workers read each queue; zero where nobody does."""
        return {queue: sum(queue in queues for queues in self.workers.values()) for queue in QUEUES}


def client() -> redis.Redis:
    """A client of the Redis of settings that gives up after a second."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def read() -> RedisNumbers:
    """Ask Redis. Raises redis.RedisError."""
    with client() as session:
        return RedisNumbers(
            pushed=pushed.read(session),
            workers=pulse.workers_by_name(session),
            sweep_age_seconds=pulse.seconds_since_done(session, "delivery.sweep"),
            stream_length=int(session.xlen(stream.EVENTS)),
        )


def queue_depths() -> dict[str, int]:
    """Messages waiting in each queue, over all priorities, with any broker.

    Raises kombu's OperationalError, or OSError, where the broker is away.
    """
    depths = dict.fromkeys(QUEUES, 0)
    with app.connection_for_read(connect_timeout=TIMEOUT_SECONDS) as connection:
        for queue in QUEUES:
            # asked passively: a queue that nobody has used yet is not made by looking at it, but is an error
            with contextlib.suppress(ChannelError, NotFound), connection.channel() as opened:
                channel: Any = opened  # every transport has the method, their common base class does not declare it
                depths[queue] = channel.queue_declare(queue, passive=True).message_count
    return depths
