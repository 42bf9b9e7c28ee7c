"""Which tasks are run again when an engine is away: all of them are looked at, and the faults are real ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psycopg
import pytest
import redis
from celery import Celery
from django.db import InterfaceError, OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.utils import DatabaseErrorWrapper
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.infrastructure import AWAY, RETRIED
from massmailer.celery import app

# why: campaigns/infrastructure.py
NEVER = {"delivery.send_batch", "delivery.send_messages"}
EVERY_SECOND = {"delivery.sweep", "delivery.refresh_counters", "tracking.drain"}


@pytest.fixture
def celery() -> Celery:
    app.loader.import_default_modules()
    return app


def own_tasks(celery: Celery) -> set[str]:
    return {name for name in celery.tasks if not name.startswith("celery.")}


def test_every_task_has_the_shared_policy_or_a_reason(celery: Celery) -> None:
    for name in own_tasks(celery):
        task = celery.tasks[name]
        if name in NEVER | EVERY_SECOND:
            assert not getattr(task, "autoretry_for", ()), name
            assert task.acks_late is False, name
        else:
            assert {key: getattr(task, key) for key in RETRIED} == RETRIED, name


def test_what_beat_starts_every_second_is_what_needs_no_retry(celery: Celery) -> None:
    often = {entry["task"] for entry in celery.conf.beat_schedule.values() if entry["schedule"] < 2}
    assert often == EVERY_SECOND


def test_every_task_has_a_queue_of_its_own(celery: Celery) -> None:
    assert own_tasks(celery) == set(celery.conf.task_routes)


def test_retries_wait_longer_and_longer_with_jitter() -> None:
    assert (RETRIED["retry_backoff"], RETRIED["retry_backoff_max"], RETRIED["retry_jitter"]) == (2, 60, True)


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def hung_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_the_faults_of_dead_and_hung_engines_are_known(dead_port: int, hung_port: int) -> None:
    once = Retry(NoBackoff(), 0)
    with redis.Redis(port=dead_port, retry=once) as client, pytest.raises(AWAY):
        client.ping()
    with redis.Redis(port=hung_port, socket_timeout=0.1, retry=once) as client, pytest.raises(AWAY):
        client.ping()
    with Connection(f"redis://127.0.0.1:{dead_port}/0") as broker, pytest.raises(AWAY):
        broker.ensure_connection(max_retries=1, interval_start=0, interval_max=0)
    wrapper = DatabaseErrorWrapper(DatabaseWrapper({"NAME": "x"}))
    with pytest.raises(AWAY), wrapper:
        psycopg.connect(f"postgresql://x@127.0.0.1:{dead_port}/x")
    assert {OperationalError, InterfaceError} < set(AWAY)
    # a mistake of ours is never taken for one
    assert not issubclass(ValueError, AWAY)
