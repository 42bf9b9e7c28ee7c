"""Soft bounces, counted by address until there are too many: whatever door they came by, each e-mail counts once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from psycopg import AsyncConnection

from campaigns.models import Lead
from campaigns.suppression.sql import MARK_LEADS

# Rare: a few in a thousand e-mails. Sorted, so that two writers wait for each other and never in a ring.
NOTE = """
INSERT INTO delivery_softbounce (digest, source)
SELECT sha256(convert_to(address, 'UTF8')), %(source)s FROM unnest(%(addresses)s::text[]) AS address ORDER BY 1
ON CONFLICT (digest, source) DO NOTHING
"""

# Without a row of the policy its defaults hold. Counted by the unique index, which begins with the digest.
SUPPRESS = """
INSERT INTO campaigns_suppression (kind, digest, value, reason, source)
SELECT 'address', counted.digest, counted.address, 'soft_bounces', %(source)s
  FROM (SELECT coalesce(max(soft_bounce_limit), 5) AS most, coalesce(max(soft_bounce_days), 14) AS days
          FROM delivery_sendingpolicy) AS policy
  CROSS JOIN LATERAL (
       SELECT address, digest,
              (SELECT count(*) FROM delivery_softbounce b
                WHERE b.digest = one.digest AND b.at > now() - policy.days * interval '1 day') AS bounces
         FROM (SELECT DISTINCT address, sha256(convert_to(address, 'UTF8')) AS digest
                 FROM unnest(%(addresses)s::text[]) AS address) AS one) AS counted
 WHERE policy.most > 0 AND counted.bounces >= policy.most
 ORDER BY counted.digest
ON CONFLICT (digest, kind) DO NOTHING
RETURNING value
"""

PRUNE = """
DELETE FROM delivery_softbounce
 WHERE at < now() - (SELECT coalesce(max(soft_bounce_days), 14) FROM delivery_sendingpolicy) * interval '1 day'
"""


def note(addresses: Sequence[str], source: str) -> None:
    """Count one soft bounce of each normalised address and suppress those that have too many.

    source: the e-mail, "campaign 7" or "message 9". Call inside a transaction; a second call changes nothing.
    """
    if not addresses:
        return
    with connection.cursor() as cursor:
        cursor.execute(NOTE, _values(addresses, source))
        cursor.execute(SUPPRESS, _values(addresses, source))
        cursor.execute(MARK_LEADS, _leads(cursor.fetchall()))


async def note_async(connection: AsyncConnection, addresses: Sequence[str], source: str) -> None:
    """`note` on the connection of a sending worker, inside its transaction."""
    if not addresses:
        return
    await connection.execute(NOTE, _values(addresses, source))
    suppressed = await connection.execute(SUPPRESS, _values(addresses, source))
    await connection.execute(MARK_LEADS, _leads(await suppressed.fetchall()))


def prune() -> int:
    """Forget what no limit looks at any more; how many."""
    with connection.cursor() as cursor:
        cursor.execute(PRUNE)
        return int(cursor.rowcount)


def _values(addresses: Sequence[str], source: str) -> dict[str, Any]:
    return {"addresses": list(addresses), "source": source}


def _leads(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {"emails": [address for (address,) in rows], "status": Lead.Status.BOUNCED.value}
