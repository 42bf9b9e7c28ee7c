"""Celery with a broken claim, for the control run of the crash harness (`python -m bench.crash --without fencing`).

The claim compares neither the lease's token nor the cursor: a worker goes on from where it remembers to be. A lease is
given to everybody who asks, as it would be by clocks that disagree, and a heartbeat never finds out that it is lost.
What is left is a lock that cannot be relied on, and nothing behind it. The harness must catch it sending twice.
"""

from __future__ import annotations

import sys

from celery.__main__ import main

from delivery import sql

LEASE_CHANGES = (("\n   AND (b.lease_until IS NULL OR b.lease_until < now())", ""),)
CLAIM_CHANGES = (
    (" AND b.lease_token = %(token)s AND b.cursor = %(cursor)s", ""),
    ("THEN b.cursor + %(want)s", "THEN greatest(b.cursor, %(cursor)s + %(want)s)"),
)
HEARTBEAT_CHANGES = ((" AND lease_token = %(token)s", ""),)


def without(statement: str, changes: tuple[tuple[str, str], ...]) -> str:
    """The statement with its fences taken out. Raises RuntimeError where one is not found in it."""
    for fence, hole in changes:
        if fence not in statement:
            raise RuntimeError(f"bench/unfenced.py does not know this statement any more: {statement}")
        statement = statement.replace(fence, hole)
    return statement


if __name__ == "__main__":
    sql.LEASE = without(sql.LEASE, LEASE_CHANGES)
    sql.CLAIM = without(sql.CLAIM, CLAIM_CHANGES)
    sql.HEARTBEAT = without(sql.HEARTBEAT, HEARTBEAT_CHANGES)
    sys.exit(main())
