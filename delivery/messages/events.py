"""Who is told of changes of messages: a history line in the same statement, listeners in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from django.db import connection, transaction

from delivery.database import AsyncConnection


class Change(NamedTuple):
    """One message that came to another status; the columns of sql.CHANGED.

    kind: the status, or "accepted". enhanced: "5.1.1" or None. detail: the reply or reason, "" where there is none.
    """

    message_id: int
    created_at: dt.datetime
    stream: str
    to_address: str
    tags: list[str]
    metadata: dict[str, Any]
    kind: str
    provider_id: int | None
    code: int | None
    enhanced: str | None
    detail: str


class Statement(NamedTuple):
    """One SQL statement with named parameters, as psycopg takes it."""

    sql: LiteralString
    parameters: Mapping[str, Any]


Listener = Callable[[Sequence[Change]], Iterable[Statement]]
_listeners: dict[Listener, frozenset[str]] = {}


def register_listener(listener: Listener, kinds: Iterable[str]) -> None:
    """Add what a layer above writes for changes of these kinds: it is called before their transaction commits.

    It gives statements, which are executed in that transaction, instead of executing them: workers record on a
    connection of their own, inside a running loop, where nothing may be waited for. What it gives must be quick, and
    must not fail: an error takes the change with it. Call this in AppConfig.ready(); the same function is added once.
    """
    _listeners[listener] = frozenset(kinds)


def has_listeners(kind: str) -> bool:
    """Whether anybody is told of changes of that kind."""
    return any(kind in kinds for kinds in _listeners.values())


def _statements(changes: Sequence[Change]) -> Iterator[Statement]:
    for listener, kinds in _listeners.items():
        if wanted := [change for change in changes if change.kind in kinds]:
            yield from listener(wanted)


def tell(changes: Sequence[Change]) -> None:
    """Execute what listeners have to say, on Django's connection."""
    if not _listeners:
        return
    with connection.cursor() as cursor:
        for statement in _statements(changes):
            cursor.execute(*statement)


async def tell_async(work: AsyncConnection, changes: Sequence[Change]) -> None:
    """As `tell`, on a worker's connection."""
    for statement in _statements(changes):
        await work.execute(*statement)


def change(statement: str, parameters: Mapping[str, Any] | None = None) -> list[Change]:
    """Run a statement made by `sql.noting`, and tell listeners, in one transaction; what was changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        changes = [Change(*row) for row in cursor.fetchall()]
        tell(changes)
    return changes
