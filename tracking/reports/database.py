"""Where reports are read: a replica where REPORTING_DATABASE_URL names one, else the one database.

Every report service asks for `alias()` itself: a router would send the queries of sending there too.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction
from psycopg.errors import QueryCanceled

from delivery.messages import prepared

P = ParamSpec("P")
R = TypeVar("R")

ALIAS = "reporting"
# a page that takes longer is stopped: a report must not eat the replica, or the database that sends
TIMEOUT_SECONDS = 10
# a primary is never quiet for so long: beat writes every second
STALE_SECONDS = 30

# A prepared statement is planned for any values at its first use; by itself PostgreSQL plans the first five anew, and a
# connection lives for a minute.
READ_ONLY = """
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %s, true),
       set_config('plan_cache_mode', 'force_generic_plan', true)
"""
LAG = "SELECT CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END"


class ReportTooSlow(Exception):
    """A query of a report was stopped at its time limit. Narrow the question, or try again when less is going on."""


def alias() -> str:
    """The name of the database that reports are read from."""
    return ALIAS if ALIAS in connections.databases else DEFAULT_DB_ALIAS


class _Here(threading.local):
    """Of this thread: whether a transaction of `reading` is open."""

    is_reading = False


_here = _Here()


@contextmanager
def reading(timeout_seconds: float = TIMEOUT_SECONDS) -> Iterator[str]:
    """A read-only transaction on the reporting database, each statement limited; gives its alias.

    Inside of another one it is that one. Raises ReportTooSlow. Statements that write are refused by PostgreSQL.
    """
    using = alias()
    is_inside = connections[using].in_atomic_block
    if is_inside and _here.is_reading:
        yield using
        return
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(READ_ONLY, [f"{int(timeout_seconds * 1000)}ms"])
            _here.is_reading = True
            yield using
            if is_inside:
                # else the limit ends with the transaction
                cursor.execute("SET LOCAL statement_timeout = 0")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise ReportTooSlow from error
        raise
    finally:
        _here.is_reading = False


def read_only(service: Callable[P, R]) -> Callable[P, R]:
    """A report service inside `reading()`."""

    @functools.wraps(service)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with reading():
            return service(*args, **kwargs)

    return inside


def planned_rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a statement that PostgreSQL reads and plans once a connection, for any values.

    For a text that is always the same, with one best plan: a LIMIT that is a parameter counts as a tenth of all rows.
    Over many partitions planning takes longer than the rest.
    """
    return prepared.fetch_all(statement, parameters, alias())


def rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of one statement on the reporting database."""
    with connections[alias()].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def lag_seconds() -> float | None:
    """How old the replica's data is; None where reports read the primary."""
    if alias() == DEFAULT_DB_ALIAS:
        return None
    (found,) = rows(LAG, {})[0]
    return None if found is None else float(found)
