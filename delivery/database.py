"""Asynchronous connections to the database that Django is configured for."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connections

Row = tuple[Any, ...]
AsyncConnection = psycopg.AsyncConnection[Row]

# what a lost server or connection looks like; everything else is a mistake of ours and must be seen
DatabaseAway = (psycopg.OperationalError, psycopg.InterfaceError)


def connection_parameters() -> dict[str, Any]:
    """libpq parameters of the default database, as Django has it (the test database under test)."""
    settings = connections["default"].settings_dict
    named = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    options = {key: value for key, value in settings["OPTIONS"].items() if key not in {"pool", "server_side_binding"}}
    return {**options, **{key: value for key, value in named.items() if value}}


async def connect(*, application_name: str) -> AsyncConnection:
    """A new connection in autocommit mode: transactions are opened where they are needed, and seen in the code."""
    parameters = {**connection_parameters(), "application_name": application_name}
    return await psycopg.AsyncConnection.connect(
        autocommit=True, keepalives_idle=10, keepalives_interval=5, keepalives_count=3, **parameters
    )
