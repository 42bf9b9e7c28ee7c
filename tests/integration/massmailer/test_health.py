"""Health checks: an engine that is away, silent or not migrated is named, within a second or so."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.test import Client

from delivery import database
from massmailer import health

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word, like a frozen server."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture(autouse=True)
def _engines(redis_client) -> None:
    """All tests here begin with both engines up."""


def point_database_at(monkeypatch, port: int) -> None:
    parameters = {**database.connection_parameters(), "host": "127.0.0.1", "port": port}
    monkeypatch.setattr(database, "connection_parameters", lambda: parameters)


def test_live_answers_without_any_engine(client: Client, settings, monkeypatch, closed_port):
    point_database_at(monkeypatch, closed_port)
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_when_everything_answers(client: Client):
    response = client.get("/health/ready")
    assert response.status_code == 200, response.content
    assert response.json() == {
        "status": "ok",
        "checks": {"postgresql": "ok", "redis": "ok", "migrations": "ok"},
    }


def test_a_request_by_address_is_answered_whatever_allowed_hosts_says(client: Client):
    for path in ("/health/live", "/health/ready"):
        assert client.get(path, headers={"host": "10.1.2.3:8000"}).status_code == 200


def test_postgresql_away(client: Client, monkeypatch, closed_port):
    point_database_at(monkeypatch, closed_port)
    response = client.get("/health/ready")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert "refused" in checks["postgresql"].lower()
    assert checks["redis"] == "ok"


def test_redis_away(client: Client, settings, closed_port):
    settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["postgresql"] == "ok"
    assert response.json()["checks"]["redis"] != "ok"


def test_engines_that_never_answer_cost_a_second(client: Client, monkeypatch, settings, silent_port):
    point_database_at(monkeypatch, silent_port)
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_port}/0"
    begun = time.monotonic()
    response = client.get("/health/ready")
    assert time.monotonic() - begun < 3
    assert response.status_code == 503
    assert response.json()["checks"] == {"postgresql": "no answer within 1 s", "redis": "no answer within 1 s"}


def test_a_migration_that_is_not_applied_is_named(client: Client, monkeypatch):
    known = health.last_migrations()
    monkeypatch.setattr(health, "last_migrations", lambda: known | {("campaigns", "0099_later")})
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == "not applied: campaigns.0099_later"


def test_strangers_learn_which_part_but_not_why(client: Client, monkeypatch, closed_port):
    point_database_at(monkeypatch, closed_port)
    response = client.get("/health/ready", REMOTE_ADDR="203.0.113.9")
    assert response.status_code == 503
    assert response.json()["checks"]["postgresql"] == "unavailable"
    assert str(closed_port) not in response.content.decode()
