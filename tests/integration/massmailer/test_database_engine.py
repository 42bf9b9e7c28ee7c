"""A kept connection is looked at before each request uses it, and asked only now and then."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from massmailer.database import base
from massmailer.embedded import postgres

STATE = "SELECT query FROM pg_stat_activity WHERE pid = %s"


@pytest.fixture
def watch(transactional_db: None) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.url(f"test_{postgres.DATABASE}"), autocommit=True) as other:
        yield other


def begin_request() -> None:
    """What Django does with connections when a request comes in, and before its first query."""
    connection.close_if_unusable_or_obsolete()
    connection.close_if_health_check_failed()


def ask(question: str = "SELECT pg_backend_pid()") -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])


def test_a_connection_that_was_used_a_moment_ago_is_not_asked(
    watch: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = ask()
    begin_request()
    ask("SELECT 7")
    begin_request()
    assert watch.execute(STATE, [pid]).fetchone() == ("SELECT 7",)

    monkeypatch.setattr(base, "PROVEN_SECONDS", 0.0)
    begin_request()
    assert watch.execute(STATE, [pid]).fetchone() == ("SELECT 1",)


def test_one_that_the_server_has_ended_is_made_anew_without_anybody_seeing_it(watch: psycopg.Connection) -> None:
    pid = ask()
    begin_request()
    # waits until it is gone
    assert watch.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
    begin_request()
    assert ask() != pid
