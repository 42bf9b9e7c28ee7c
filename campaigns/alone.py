"""One at a time over all processes, by advisory locks of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
UNLOCK = "SELECT pg_advisory_unlock(%s)"


def key_of(work: int, row_id: int) -> int:
    """The lock of one row's work, where rows are worked on side by side; ids up to 2 ** 32."""
    return work << 32 | row_id


@contextmanager
def alone(key: int) -> Iterator[bool]:
    """Whether nobody else is within. The lock ends with the database session, however that ends.

    key: a number that no other work uses. Outside of a transaction that may fail.
    """
    with connection.cursor() as cursor:
        cursor.execute(TRY_LOCK, [key])
        (is_alone,) = cursor.fetchone()
    try:
        yield is_alone
    finally:
        # on a broken connection there is nothing to unlock, and the first error must be the one that is seen
        if is_alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK, [key])
