"""What the sweeper does beside publishing: sessions of hung workers, providers that have drained."""

from __future__ import annotations

import datetime as dt
import time

import psycopg
import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from delivery import sweep
from delivery.database import connection_parameters
from delivery.models import Provider
from delivery.providers import add_provider

pytestmark = pytest.mark.django_db(transaction=True)


def is_ended(session: psycopg.Connection[tuple[object, ...]], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            session.pgconn.consume_input()
        except psycopg.OperationalError:
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_hangs_in_the_middle_of_a_copy_loses_its_session(settings: Settings) -> None:
    settings.LEASE_SECONDS = 0.3
    session = psycopg.connect(**connection_parameters(), application_name="massmailer send test")
    session.execute("SET statement_timeout = 300")
    # the server waits for data that a frozen process never sends; its own time-outs do not end that
    session.pgconn.send_query(b"COPY delivery_email FROM STDIN")
    assert sweep.end_stuck_copies() == 0
    time.sleep(0.7)
    session.pgconn.consume_input()
    assert session.pgconn.status == psycopg.pq.ConnStatus.OK
    assert sweep.end_stuck_copies() == 1
    assert is_ended(session)


def test_a_provider_that_drains_is_paused_when_nothing_can_be_under_way(settings: Settings) -> None:
    provider = add_provider(name="Relay", url="smtp://127.0.0.1:2525")
    assert provider.move(Provider.State.DRAINING)
    assert not provider.move(Provider.State.DRAINING)
    assert sweep.pause_drained() == 0
    Provider.objects.update(state_changed_at=Now() - dt.timedelta(seconds=settings.LEASE_SECONDS + 4))
    assert sweep.pause_drained() == 1
    provider.refresh_from_db()
    assert provider.state == Provider.State.PAUSED
