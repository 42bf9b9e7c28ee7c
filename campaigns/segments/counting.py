"""How many leads a condition means, and some of them, within a time limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction

from campaigns.models import Lead
from campaigns.segments.compile import compile_condition
from campaigns.segments.errors import CountTimedOut

TIMEOUT_SECONDS = 5.0
MAX_SAMPLE = 100


@contextmanager
def time_limit(seconds: float) -> Iterator[Any]:
    """A cursor whose statements are stopped by PostgreSQL after `seconds`. Raises CountTimedOut.

    The limit ends with the block, inside an outer transaction too.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            before = cursor.fetchone()[0]
            _set_timeout(cursor, f"{max(1, round(seconds * 1000))}ms")
            yield cursor
            _set_timeout(cursor, before)
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
        raise CountTimedOut(
            f"Counting took longer than {seconds:g} seconds and was stopped. The condition is fine and can be used "
            "for a campaign; conditions on tags, lists, e-mail or `is exactly` are the quickest to count."
        ) from error


def count(condition: object, *, timeout_seconds: float = TIMEOUT_SECONDS) -> int:
    """How many leads the condition means now. Raises SegmentInvalid, or CountTimedOut after the time limit."""
    query = compile_condition(condition)
    with time_limit(timeout_seconds) as cursor:
        cursor.execute(f"SELECT count(*) FROM campaigns_lead lead WHERE {query.where}", query.params)  # noqa: S608
        return int(cursor.fetchone()[0])


def sample(condition: object, limit: int = 10, *, timeout_seconds: float = TIMEOUT_SECONDS) -> list[Lead]:
    """The newest matching leads, at most `limit` (and 100). Raises as count() does."""
    query = compile_condition(condition)
    statement = f"SELECT lead.* FROM campaigns_lead lead WHERE {query.where} ORDER BY lead.id DESC LIMIT %s"  # noqa: S608
    with time_limit(timeout_seconds):
        return list(Lead.objects.raw(statement, (*query.params, min(limit, MAX_SAMPLE))))


def _set_timeout(cursor: Any, value: str) -> None:
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [value])
