"""Thousands of values as one text parameter: psycopg writes a list of Python objects ten times slower."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable


def bigints(numbers: Iterable[int]) -> str:
    """A literal of type bigint[]."""
    return "{" + ",".join(map(str, numbers)) + "}"


def times(values: Iterable[dt.datetime | None]) -> str:
    """A literal of type timestamptz[]; the times must be aware."""
    return "{" + ",".join("NULL" if value is None else f'"{value.isoformat()}"' for value in values) + "}"
