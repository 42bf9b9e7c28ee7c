"""Celery with a broken claim, for the control run of the crash harness (`python -m bench.crash --without fencing`).

The claim compares neither the lease's token nor the cursor: a worker goes on from where it remembers to be. A heartbeat
never finds out that the lease is lost, and no message is ever too late. What is left is a lock with a time-out, as
other systems have. The harness must catch it sending twice.
"""

from __future__ import annotations

import os
import sys

from celery.__main__ import main
from django.conf import settings

from delivery import sql

CLAIM_CHANGES = (
    (" AND b.lease_token = %(token)s AND b.cursor = %(cursor)s", ""),
    ("THEN b.cursor + %(want)s", "THEN greatest(b.cursor, %(cursor)s + %(want)s)"),
)
NEVER_TOO_LATE_SECONDS = 600.0
HEARTBEAT_CHANGES = ((" AND lease_token = %(token)s", ""),)


def without(statement: str, changes: tuple[tuple[str, str], ...]) -> str:
    """The statement with its fences taken out. Raises RuntimeError where one is not found in it."""
    for fence, hole in changes:
        if fence not in statement:
            raise RuntimeError(f"bench/unfenced.py does not know this statement any more: {statement}")
        statement = statement.replace(fence, hole)
    return statement


if __name__ == "__main__":
    sql.CLAIM = without(sql.CLAIM, CLAIM_CHANGES)
    sql.RECORD_AND_CLAIM = without(sql.RECORD_AND_CLAIM, CLAIM_CHANGES)
    sql.RECORD_SENT_AND_CLAIM = without(sql.RECORD_SENT_AND_CLAIM, CLAIM_CHANGES)
    sql.HEARTBEAT = without(sql.HEARTBEAT, HEARTBEAT_CHANGES)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
    settings.CLAIM_TO_SEND_SECONDS = NEVER_TOO_LATE_SECONDS
    sys.exit(main())
