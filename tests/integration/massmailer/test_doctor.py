"""The doctor against real engines: each illness is provoked there and named with its cure."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

from campaigns.models import Campaign
from delivery.models import Pool, PoolMember, Provider
from massmailer import pulse
from massmailer.celery import app
from massmailer.doctor import broker, database, machine, providers, workers
from massmailer.doctor.examine import CHECKS, examine

pytestmark = pytest.mark.django_db


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def configured(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    """A Redis whose configuration is put back afterwards."""
    names = ("appendonly", "maxmemory", "maxmemory-policy")
    before = {name: redis_client.config_get(name)[name] for name in names}
    yield redis_client
    for name, value in before.items():
        redis_client.config_set(name, value)


@pytest.fixture
def provider(closed_port: int) -> Provider:
    """In no pool, and nobody listens there."""
    return Provider.objects.create(name="Relay", host="127.0.0.1", port=closed_port, security="plain")


@pytest.fixture
def campaign_at_work() -> Campaign:
    campaign = Campaign.objects.create(name="One", subject="Hello", from_email="shop@example.com", body="<mjml/>")
    Campaign.objects.filter(pk=campaign.pk).update(state="sending")
    return campaign


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_healthy_database():
    checks = (
        database.postgresql,
        database.durability,
        database.clock,
        database.migrations,
        database.connections,
        database.email_partitions,
        database.message_partitions,
        database.event_partitions,
    )
    assert [check().state for check in checks] == ["ok"] * len(checks)


def test_an_old_postgresql_fails(monkeypatch):
    monkeypatch.setattr(database, "_setting", lambda name: "150004")
    assert database.postgresql().state == "fail"


def test_commits_that_may_be_forgotten_fail():
    execute("SET LOCAL synchronous_commit = off")
    check = database.durability()
    assert check.state == "fail"
    assert "twice" in check.detail


@pytest.mark.parametrize(("offset", "state"), [(5, "warn"), (-5, "warn"), (3600, "fail")])
def test_clocks_that_differ(monkeypatch, offset: float, state: str):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + offset)
    assert database.clock().state == state


def test_a_missing_migration_fails():
    execute("DELETE FROM django_migrations WHERE app = 'delivery' AND name > '0002'")
    check = database.migrations()
    assert check.state == "fail"
    assert "delivery.0002_ledger" in check.detail


def test_few_free_connections_are_reported(monkeypatch):
    monkeypatch.setattr(database, "_setting", lambda name: "1")
    assert database.connections().state == "warn"


def test_a_missing_partition_of_today_fails_and_one_of_the_future_warns(campaign_at_work):
    Campaign.objects.filter(pk=campaign_at_work.pk).update(id=7)
    execute("DROP TABLE delivery_email_b1")
    assert database.email_partitions().state == "warn"
    execute("DROP TABLE delivery_email_b0")
    assert database.email_partitions().state == "fail"


def test_redis_without_persistence_is_reported(configured):
    assert broker.persistence().state == "ok"
    configured.config_set("appendonly", "no")
    assert broker.persistence().state == "warn"


def test_redis_that_evicts_fails(configured):
    assert broker.eviction().state == "ok"
    configured.config_set("maxmemory-policy", "allkeys-lru")
    assert broker.eviction().state == "warn"
    configured.config_set("maxmemory", "1gb")
    assert broker.eviction().state == "fail"


def test_a_deep_queue_is_reported(redis_client):
    assert broker.queue_depths().state == "ok"
    redis_client.rpush("control", *["x"] * 201)
    check = broker.queue_depths()
    assert check.state == "warn"
    assert "control too deep" in check.detail


def test_no_worker_matters_once_a_campaign_is_at_work(redis_client, campaign_at_work):
    check = workers.workers()
    assert check.state == "fail"
    assert "transactional, bulk, default, control" in check.detail
    Campaign.objects.filter(pk=campaign_at_work.pk).update(state="sent")
    assert workers.workers().state == "warn"


def test_a_queue_that_nobody_reads_fails(redis_client, monkeypatch):
    class Inspect:
        def active_queues(self) -> dict[str, list[dict[str, str]]]:
            return {f"{name}@host": [{"name": name}] for name in ("bulk", "default", "control")}

    monkeypatch.setattr(app.control, "inspect", lambda timeout: Inspect())
    check = workers.workers()
    assert check.state == "fail"
    assert check.detail == "nobody reads transactional"


def test_beat_and_sweeper_by_their_last_sign(redis_client, campaign_at_work):
    assert workers.beat().state == "fail"
    redis_client.set(pulse.PUBLISHED, "1", ex=pulse.REMEMBER_SECONDS)
    assert workers.beat().state == "ok"
    assert workers.sweeper().state == "fail"
    redis_client.set(pulse.DONE + "delivery.sweep", "1", ex=pulse.REMEMBER_SECONDS - 600)
    check = workers.sweeper()
    assert check.state == "fail"
    assert "600 s" in check.detail
    redis_client.set(pulse.DONE + "delivery.sweep", "1", ex=pulse.REMEMBER_SECONDS)
    assert workers.sweeper().state == "ok"


def test_a_stream_without_an_active_provider_fails(provider):
    assert {check.state for check in providers.default_pools()} == {"fail"}
    pool = Pool.objects.create(name="Main", stream="marketing", is_default=True)
    PoolMember.objects.create(pool=pool, provider=provider)
    states = {check.name: check.state for check in providers.default_pools()}
    assert states == {"marketing pool": "ok", "transactional pool": "fail"}
    Provider.objects.update(state="paused")
    assert {check.state for check in providers.default_pools()} == {"fail"}


def test_a_provider_that_does_not_answer_fails_with_a_cure(provider):
    (check,) = providers.providers()
    assert check.state == "fail"
    assert check.name == "provider Relay"
    assert check.cure


def test_credentials_that_no_key_opens_fail(provider, settings):
    provider.credentials = {"password": "secret"}
    provider.save()
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    (check,) = providers.providers()
    assert check.state == "fail"
    assert "ENCRYPTION_KEYS" in check.cure


def test_too_few_open_files_fail(provider, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (64, 64))
    assert machine.open_files().state == "fail"


def test_redis_away_fails_once_and_what_rests_on_it_is_left_out(settings, closed_port, redis_client):
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"
    wanted = {"postgresql", "migrations", "redis", "redis eviction", "redis persistence"}
    findings = examine([item for item in CHECKS if item.name in wanted])
    states = {check.name: check.state for check in findings}
    assert states == {
        "postgresql": "ok",
        "migrations": "ok",
        "redis": "fail",
        "redis eviction": "warn",
        "redis persistence": "warn",
    }


def test_the_command_ends_with_status_1_and_tells_a_program_why(redis_client, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json")
    assert ended.value.code == 1
    parsed = json.loads(capsys.readouterr().out)
    assert parsed["healthy"] is False
    by_name = {check["name"]: check for check in parsed["checks"]}
    assert by_name["postgresql"]["state"] == "ok"
    assert by_name["marketing pool"]["state"] == "fail"
    assert all(check["cure"] for check in parsed["checks"] if check["state"] != "ok")
