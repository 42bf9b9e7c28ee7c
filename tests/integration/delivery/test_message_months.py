"""A message is found by its id in the months where it can be, and its edges are not missed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from delivery import partitions
from delivery.messages import look
from delivery.messages.months import first_ids

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = [dt.date(2031, month, 1) for month in range(1, 7)]


@pytest.fixture(autouse=True)
def six_months() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE delivery_message")
    for month in MONTHS:
        with transaction.atomic():
            partitions.ensure_month("delivery_message", "created_at", month)
    first_ids.expire()
    yield
    with connection.cursor() as cursor:
        for month in MONTHS:
            cursor.execute(f"DROP TABLE delivery_message_{month:%Y_%m}")
    first_ids.expire()


def add(message_id: int, at: str) -> None:
    with connection.cursor() as cursor:
        statement = (
            "INSERT INTO delivery_message (id, created_at, to_address, sender) VALUES (%s, %s, 'a@b.c', 'd@e.f')"
        )
        cursor.execute(statement, [message_id, at])


def test_every_message_is_found_and_few_months_are_asked() -> None:
    for number, month in enumerate(MONTHS):
        add(1_000_000 + number * 10, f"{month:%Y-%m}-10T00:00:00Z")
    # its transaction was open over midnight: older than its id
    add(1_000_021, "2031-02-28T23:59:00Z")
    for message_id in (*range(1_000_000, 1_000_060, 10), 1_000_021):
        found = look.find(message_id)
        assert found is not None
        assert found.id == message_id
    assert look.find(999_999) is None
    assert look.find(1_000_025) is None
    with CaptureQueriesContext(
        connection,
    ) as asked:
        look.find(1_000_020)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked[-1]['sql']}")
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert {f"{month:%Y_%m}" for month in MONTHS if f"{month:%Y_%m}" in plan} == {"2031_02", "2031_03", "2031_04"}


def test_a_month_that_came_after_the_last_look_is_searched_too() -> None:
    add(1_000_000, "2031-01-10T00:00:00Z")
    assert look.find(1_000_000) is not None
    add(1_000_050, "2031-06-10T00:00:00Z")
    found = look.find(1_000_050)
    assert found is not None
    assert found.created_at.month == 6
