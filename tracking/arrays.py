"""Thousands of values as one text parameter: psycopg writes a list of Python objects ten times slower."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache


def bigints(numbers: Iterable[int]) -> str:
    """A literal of type bigint[]."""
    return "{" + ",".join(map(str, numbers)) + "}"


def times(values: Iterable[dt.datetime | None]) -> str:
    """A literal of type timestamptz[]; the times must be aware."""
    return "{" + ",".join(["NULL" if value is None else f'"{time(value)}"' for value in values]) + "}"


# one event's time goes into half a dozen columns of a round
@lru_cache(maxsize=20_000)
def time(value: dt.datetime) -> str:
    """An aware time as PostgreSQL reads it. Half of what `isoformat` costs: events of a round share their seconds."""
    return f"{_second(value.timestamp() // 1)}.{value.microsecond:06d}+00"


@lru_cache(maxsize=4096)
def _second(seconds: float) -> str:
    """Seconds since 1970 as date and time in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()[:19]


def written(values: Iterable[str]) -> str:
    """A literal of an array of what is written as PostgreSQL reads it there: in quotes, or NULL."""
    return "{" + ",".join(values) + "}"


def plain(values: Iterable[int | str | None]) -> str:
    """A literal of an array of numbers, or of words that need no quotes; None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
