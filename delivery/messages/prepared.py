"""Statements that a web process runs many times a second, prepared by PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections


def fetch_all(statement: str, parameters: Mapping[str, Any], using: str = DEFAULT_DB_ALIAS) -> list[tuple[Any, ...]]:
    """Run a statement on Django's connection, in its transaction where one is open; all rows that it gives.

    Django writes the values into the text, so that PostgreSQL reads and plans it anew each time: that was half of what
    accepting a message cost there. Raises as Django's cursors do.
    """
    connection = connections[using]
    connection.ensure_connection()
    session = connection.connection
    wrap: Callable[[Any], Any] = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(psycopg.Cursor(session)) as cursor:
        # Django's own cursors never prepare, and must not begin to
        session.prepare_threshold = 0
        try:
            cursor.execute(statement, parameters)
        finally:
            session.prepare_threshold = None
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
