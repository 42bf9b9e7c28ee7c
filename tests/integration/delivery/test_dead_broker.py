"""A broker that is dead or hung costs an accepted message nothing, and the caller a moment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connection

from delivery.models import Message
from massmailer.embedded import postgres

# the time is taken around the call alone: a new process needs seconds to import Django. The process stays until the
# thread that wakes workers has said what it met
CALL = """
import django, logging, sys, threading, time
django.setup()
from delivery.transactional import queue_message
said = threading.Event()
logging.getLogger("delivery.enqueue").addFilter(lambda record: said.set() or True)
started = time.monotonic()
print(queue_message(to="ada@example.com", subject="Hello", html="<p>Hello</p>"), time.monotonic() - started)
sys.exit(not said.wait(30))
"""
BOUND_SECONDS = 2.0


@pytest.fixture
def hung_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dead_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("trouble", ["hung_port", "dead_port"])
def test_a_message_is_accepted_at_once_and_stays_due(
    transactional_db: None, trouble: str, request: pytest.FixtureRequest
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_message")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "massmailer.settings",
        "MASSMAILER_PROCESS": "web",
        "DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}"),
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{request.getfixturevalue(trouble)}/0",
    }
    done = subprocess.run(
        [sys.executable, "-c", CALL], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    message_id, seconds = done.stdout.split()
    assert float(seconds) < BOUND_SECONDS
    assert Message.objects.get(id=int(message_id)).status == "queued"
    assert "not published" in done.stderr
