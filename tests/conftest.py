"""Fixtures for all tests. Engines start when the first test asks for a database or for Redis, not before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import pytest_django
import redis
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg import sql

from massmailer.embedded import engines, paths, postgres
from massmailer.processes import procfile
from massmailer.processes.background import BackgroundStack
from massmailer.processes.options import StackOptions

# the same examples in every run of continuous integration; elsewhere hypothesis goes on searching
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def engine_urls() -> dict[str, str]:
    """DATABASE_URL and REDIS_URL of this run's own engines, started."""
    return engines.ensure()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(engine_urls: dict[str, str]) -> None:
    """pytest-django asks for this before it makes the test database: the server must be up by then."""


@pytest.fixture(scope="session")
def django_db_keepdb(engine_urls: dict[str, str]) -> Iterator[bool]:
    """Keep the test database for the next run, unless the migrations changed or the last run was killed."""
    stamp = paths.var_dir() / "test-database"
    wanted = migrations_fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        drop_test_database()
    stamp.unlink(missing_ok=True)
    yield True
    stamp.write_text(wanted)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> None:
    """Empty what Django's flush does not know: a run that was killed leaves rows in the tables made by SQL."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        # no test database is made where no chosen test asks for one
        cursor.execute("SELECT to_regclass('delivery_email')")
        if cursor.fetchone()[0]:
            cursor.execute("TRUNCATE delivery_email, delivery_message, delivery_messageevent")
            cursor.execute("TRUNCATE delivery_messagecontent, delivery_messagecopy")


@pytest.fixture(scope="session", autouse=True)
def _flush_again_after_a_deadlock() -> Iterator[None]:
    """The workers of a stack go on reading while a test's tables are emptied; one of the two must give way."""
    original = DatabaseOperations.execute_sql_flush

    def flush(self: DatabaseOperations, sql_list: list[str]) -> None:
        for tries_left in reversed(range(5)):
            try:
                original(self, sql_list)
            except OperationalError as error:
                if not tries_left or not isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
                    raise
            else:
                return

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
        yield


@pytest.fixture
def redis_client(engine_urls: dict[str, str]) -> Iterator[redis.Redis]:
    """A client of this run's own Valkey, emptied (all database numbers)."""
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="module")
def stack(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker, engine_urls: dict[str, str]
) -> Iterator[BackgroundStack]:
    """The real processes on the test database: web, four workers, beat and the sandbox mailbox, on free ports.

    It ends with the module: its sweeper would launch the campaigns of the tests that follow.
    Tests that use it take `transactional_db` too: what they write must be committed to be seen by the workers.
    `stack.url` is the web server, settings.SANDBOX_SMTP_PORT the mailbox; `stack.kill(name)` kills a process (it is
    started again).
    """
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            # its workers would send what tests of another module left waiting
            cursor.execute("TRUNCATE delivery_message, delivery_messageevent")
        connection.close()
    options = StackOptions(
        port=settings.WEB_PORT,
        sandbox_port=settings.SANDBOX_SMTP_PORT,
        only=tuple(name for name in procfile.commands() if name != "flower"),
        # a campaign gives way to the other test process too: of more children each would outlast a lease of seconds
        bulk_workers=2,
        environment={
            "DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}"),
            # a lost worker's batches go on after seconds: the protocol is the same, the tests are not a minute long
            "MASSMAILER_LEASE_SECONDS": "4",
        },
    )
    with BackgroundStack(options) as running:
        yield running


def migrations_fingerprint() -> str:
    """A hash over all migration files of the project."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def drop_test_database() -> None:
    name = f"test_{postgres.DATABASE}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
