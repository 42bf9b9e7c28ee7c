"""Signs of life of workers and beat, in Redis keys that expire by themselves: no clocks are compared.

Cheaper than asking: a broadcast to all workers waits for the slowest, a key is there or not. Written on Celery's own
signals: a worker's main process says that it lives, and whoever ran a recurring task says so.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import redis
from celery.signals import after_task_publish, beat_init, heartbeat_sent, task_success, worker_ready, worker_shutdown
from django.conf import settings

log = logging.getLogger(__name__)

WORKERS = "massmailer:workers"
WORKER = "massmailer:worker:"
DONE = "massmailer:done:"
PUBLISHED = "massmailer:published"
# a worker beats every 2 s; a beat missed by a busy machine is no death
ALIVE_SECONDS = 15
REMEMBER_SECONDS = 24 * 3600
WRITE_EVERY_SECONDS = 2.0
TIMEOUT_SECONDS = 0.5
WATCHED_TASKS = ("delivery.sweep", "tracking.drain", "delivery.refresh_counters")


class Pulse:
    """What this process last wrote, and its own identity."""

    def __init__(self) -> None:
        self.hostname = ""
        self.queues: list[str] = []
        self.is_beat = False
        self._written: dict[str, float] = {}
        self._client: redis.Redis | None = None

    def write(self, key: str, value: str, seconds: int, *, member: str = "") -> None:
        """Set a key at most every two seconds; a Redis that is away costs one short attempt in that time."""
        now = time.monotonic()
        if now - self._written.get(key, -WRITE_EVERY_SECONDS) < WRITE_EVERY_SECONDS:
            return
        self._written[key] = now
        try:
            pipeline = self.client().pipeline(transaction=False)
            pipeline.set(key, value, ex=seconds)
            if member:
                pipeline.sadd(WORKERS, member)
            pipeline.execute()
        except redis.RedisError as error:
            log.debug("no sign of life written: %s", error)

    def forget(self) -> None:
        try:
            self.client().delete(WORKER + self.hostname)
        except redis.RedisError as error:
            log.debug("the sign of life stays until it expires: %s", error)

    def client(self) -> redis.Redis:
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
            )
        return self._client


pulse = Pulse()


@worker_ready.connect
def worker_is_ready(sender: Any, **_: object) -> None:
    pulse.hostname = sender.hostname
    pulse.queues = sorted(queue.name for queue in sender.task_consumer.queues)
    beat_once()


@heartbeat_sent.connect
def beat_once(**_: object) -> None:
    if pulse.hostname:
        pulse.write(WORKER + pulse.hostname, json.dumps({"queues": pulse.queues}), ALIVE_SECONDS, member=pulse.hostname)


@worker_shutdown.connect
def worker_left(**_: object) -> None:
    if pulse.hostname:
        pulse.forget()
        # the last heartbeat of a leaving worker would bring it back for 15 s
        pulse.hostname = ""


@beat_init.connect
def beat_started(**_: object) -> None:
    pulse.is_beat = True


@after_task_publish.connect
def task_published(sender: str | None = None, **_: object) -> None:
    """Only beat's own publishing tells that beat is alive."""
    if pulse.is_beat and sender in WATCHED_TASKS:
        pulse.write(PUBLISHED, "1", REMEMBER_SECONDS)


@task_success.connect
def task_done(sender: Any = None, **_: object) -> None:
    name = getattr(sender, "name", "")
    if name in WATCHED_TASKS:
        pulse.write(DONE + name, "1", REMEMBER_SECONDS)


def workers_by_name(client: redis.Redis) -> dict[str, list[str]]:
    """Queues of each worker that gave a sign of life in the last 15 s. Raises redis.RedisError."""
    names = sorted(_text(name) for name in client.smembers(WORKERS))
    if not names:
        return {}
    states = client.mget([WORKER + name for name in names])
    alive = {name: json.loads(state)["queues"] for name, state in zip(names, states, strict=True) if state}
    gone = [name for name in names if name not in alive]
    if gone:
        client.srem(WORKERS, *gone)
    return alive


def seconds_since_done(client: redis.Redis, task: str) -> float | None:
    """How long ago the recurring task last ended well, to two seconds; None: not within a day."""
    return _age(client, DONE + task)


def seconds_since_published(client: redis.Redis) -> float | None:
    """How long ago beat last published, to two seconds; None: not within a day."""
    return _age(client, PUBLISHED)


def _age(client: redis.Redis, key: str) -> float | None:
    left_ms = client.pttl(key)
    return REMEMBER_SECONDS - left_ms / 1000 if left_ms > 0 else None


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode()
