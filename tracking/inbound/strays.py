"""Messages about no e-mail of ours that could be told: kept for somebody to look at, not for ever."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

from django.db import connection

from delivery.storable import storable
from tracking.inbound.fields import address_of
from tracking.inbound.message import Inbound
from tracking.inbound.report import Report
from tracking.models import StrayMail

MAX_STRAYS = 2_000
STRAY_DAYS = 30
MAX_RAW_BYTES = 64 * 1024
# a stranger who writes without end fills no disk between two visits of beat
PRUNE_EVERY = 200

_kept = itertools.count(1)

PRUNE = """
DELETE FROM tracking_straymail
 WHERE received_at < now() - %(days)s * interval '1 day'
    OR id <= (SELECT id FROM tracking_straymail ORDER BY id DESC OFFSET %(most)s LIMIT 1)
"""


def keep(raw: bytes, inbound: Inbound, recipients: Sequence[str], report: Report, reason: str) -> None:
    """Keep a message aside, once however often it comes. Raises what a lost server raises."""
    StrayMail.objects.bulk_create(
        [
            StrayMail(
                digest=hashlib.sha256(raw).digest(),
                recipient=storable(", ".join(recipients) or inbound.header("to"))[:254],
                sender=storable(address_of(inbound.header("from")) or inbound.header("from"))[:254],
                subject=storable(inbound.header("subject"))[:300],
                reason=reason,
                report=_storable(report.as_dict()),
                raw=raw[:MAX_RAW_BYTES],
                size_bytes=len(raw),
            )
        ],
        ignore_conflicts=True,
    )
    if next(_kept) % PRUNE_EVERY == 0:
        prune()


def prune() -> int:
    """Delete what is old or too many; how many."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE, {"days": STRAY_DAYS, "most": MAX_STRAYS})
        return int(cursor.rowcount)


def _storable(value: object) -> object:
    if isinstance(value, dict):
        return {name: _storable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return storable(value) if isinstance(value, str) else value
