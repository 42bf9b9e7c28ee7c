"""What Redis and the broker are asked for one scrape."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis
from amqp.exceptions import NotFound
from django.conf import settings
from kombu.exceptions import ChannelError

from delivery import circuit
from delivery import metrics as pushed
from delivery.circuit import Circuit
from massmailer import pulse
from massmailer.celery import app
from tracking import stream

TIMEOUT_SECONDS = 1.0
QUEUES = ("transactional", "bulk", "default", "control")


@dataclass(frozen=True)
class RedisNumbers:
    """sweep_age_seconds: since the sweeper last ended well; None when that is more than a day ago.

    events_lag_seconds: the age of the oldest entry of the event streams that is not recorded yet.
    """

    pushed: pushed.Snapshot
    workers: dict[str, list[str]]
    sweep_age_seconds: float | None
    circuits: dict[int, Circuit]
    stream_length: int
    events_lag_seconds: float

    def workers_by_queue(self) -> dict[str, int]:
        """How many live workers read each queue; zero where nobody does."""
        return {queue: sum(queue in queues for queues in self.workers.values()) for queue in QUEUES}


def client() -> redis.Redis:
    """A client of the Redis of settings that gives up after a second."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def read(provider_ids: Iterable[int] = ()) -> RedisNumbers:
    """Ask Redis, about the circuits of these providers too. Raises redis.RedisError."""
    with client() as session:
        return RedisNumbers(
            pushed=pushed.read(session),
            workers=pulse.workers_by_name(session),
            sweep_age_seconds=pulse.seconds_since_done(session, "delivery.sweep"),
            circuits=circuit.read(provider_ids),
            stream_length=int(session.xlen(stream.EVENTS)),
            events_lag_seconds=_lag_seconds(session),
        )


def _lag_seconds(session: redis.Redis) -> float:
    """By the clock of Redis, which names the entries: what is recorded is deleted, so the first one is the oldest."""
    now, microseconds = session.time()
    oldest = now + microseconds / 1_000_000
    begun = oldest
    for name in (stream.EVENTS, stream.PRIORITY):
        first: Any = session.xrange(name, count=1)
        for place, _ in first:
            oldest = min(oldest, int(place.partition(b"-")[0]) / 1000)
    return begun - oldest


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
