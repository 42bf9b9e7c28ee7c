"""What providers were given and what came of it: counted in the worker, written every few seconds and with each batch.

Daily quotas and warm-up plans are counted in Redis; these rows are what they are rebuilt from, and what the health
pages show. A worker that is killed takes at most FLUSH_SECONDS of counts with it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import psycopg

from delivery.database import AsyncConnection, DatabaseAway
from delivery.engine.outcome import Kind, Outcome
from delivery.limits import Limit
from delivery.storable import storable

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
# the same kind of event of one provider is written down once in so many seconds by each worker process
EVENT_SECONDS = 10.0

COLUMN_BY_KIND = {
    Kind.ACCEPTED: "accepted",
    Kind.TRANSIENT: "deferred",
    Kind.SOFT: "deferred",
    Kind.THROTTLE: "throttled",
    Kind.HARD: "bounced",
    Kind.BLOCK: "blocked",
    Kind.CONTENT: "failed",
    Kind.SENDER: "failed",
    Kind.UNDETERMINED: "failed",
    Kind.UNKNOWN: "unknown",
}
COLUMNS = ("accepted", "deferred", "throttled", "bounced", "blocked", "failed", "unknown")

# One row an hour, provider and group; every worker adds to it a few times a minute. ~1 ms.
ADD_USAGE = """
INSERT INTO delivery_providerusage AS u (provider_id, mailbox_group, hour, accepted, deferred, throttled, bounced,
                                         blocked, failed, unknown)
SELECT n.provider_id, n.mailbox_group, date_trunc('hour', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', n.accepted,
       n.deferred, n.throttled, n.bounced, n.blocked, n.failed, n.unknown
  FROM unnest(%(provider)s::bigint[], %(group)s::text[], %(accepted)s::int[], %(deferred)s::int[], %(throttled)s::int[],
              %(bounced)s::int[], %(blocked)s::int[], %(failed)s::int[], %(unknown)s::int[])
    AS n (provider_id, mailbox_group, accepted, deferred, throttled, bounced, blocked, failed, unknown)
 WHERE EXISTS (SELECT FROM delivery_provider p WHERE p.id = n.provider_id)
 ORDER BY 1, 2
ON CONFLICT (provider_id, hour, mailbox_group) DO UPDATE
   SET accepted = u.accepted + excluded.accepted, deferred = u.deferred + excluded.deferred,
       throttled = u.throttled + excluded.throttled, bounced = u.bounced + excluded.bounced,
       blocked = u.blocked + excluded.blocked, failed = u.failed + excluded.failed,
       unknown = u.unknown + excluded.unknown
"""
ADD_EVENTS = """
INSERT INTO delivery_providerevent (provider_id, at, kind, mailbox_group, code, text)
SELECT n.provider_id, now(), n.kind, n.mailbox_group, n.code, n.text
  FROM unnest(%(provider)s::bigint[], %(kind)s::text[], %(group)s::text[], %(code)s::smallint[], %(text)s::text[])
    AS n (provider_id, kind, mailbox_group, code, text)
 WHERE EXISTS (SELECT FROM delivery_provider p WHERE p.id = n.provider_id)
"""
# What left in the present day, for a provider as a whole or for one group; attempts count, whatever came of them.
USED_TODAY = """
SELECT coalesce(sum(accepted + deferred + throttled + bounced + blocked + failed + unknown), 0)
  FROM delivery_providerusage
 WHERE provider_id = %(provider)s AND hour >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
   AND (%(group)s::text = '' OR mailbox_group = %(group)s::text)
"""
# What one person's campaigns have sent today: those that were launched or were at work today.
SENT_TODAY_BY_USER = """
SELECT coalesce(sum(b.sent), 0)
  FROM campaigns_campaign c JOIN delivery_batch b ON b.campaign_id = c.id
 WHERE c.created_by_id = %(user)s
   AND c.launched_at >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
"""

Event = tuple[int, str, str, int | None, str]


class UsageBook:
    """Counts of one worker process that are not yet in the database."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
        self._events: list[Event] = []
        self._noted_at: dict[tuple[int, str], float] = {}
        self._flushed_at = time.monotonic()

    def add(self, provider_id: int, group: str, outcomes: Iterable[Outcome]) -> None:
        """Count what a provider made of some messages; what it was not given does not count."""
        kinds = Counter(outcome.kind for outcome in outcomes)
        counts = self._counts[provider_id, group]
        for kind, number in kinds.items():
            if column := COLUMN_BY_KIND.get(kind):
                counts[column] += number

    def note(self, provider_id: int, kind: str, text: str, *, group: str = "", code: int | None = None) -> bool:
        """Write an event down, unless the same kind was a moment ago; True where it is news."""
        now, key = time.monotonic(), (provider_id, kind)
        if now - self._noted_at.get(key, -EVENT_SECONDS) < EVENT_SECONDS:
            return False
        self._noted_at[key] = now
        self._events.append((provider_id, kind, group, code, storable(text)[:500]))
        return True

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._flushed_at > FLUSH_SECONDS

    async def flush(self, connection: AsyncConnection) -> None:
        """Write all of it. While the database is away it is kept for the next time."""
        self._flushed_at = time.monotonic()
        counts, events = dict(self._counts), self._events
        self._counts, self._events = defaultdict(Counter), []
        rows = {key: count for key, count in counts.items() if count.total()}
        try:
            if rows:
                await connection.execute(ADD_USAGE, _columns(rows))
            if events:
                await connection.execute(ADD_EVENTS, _event_columns(events))
        except psycopg.errors.ForeignKeyViolation as error:
            logger.warning("counts of a provider that was deleted in this moment are lost: %s", error)
        except DatabaseAway as error:
            # whether the first of them went through is not known: a quota that counts double is safe
            logger.warning("counts of providers wait for the database: %s", error)
            self._events = events + self._events
            for key, count in rows.items():
                self._counts[key].update(count)


def _columns(rows: dict[tuple[int, str], Counter[str]]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {
        "provider": [provider_id for provider_id, _ in rows],
        "group": [group for _, group in rows],
    }
    for column in COLUMNS:
        found[column] = [count[column] for count in rows.values()]
    return found


def _event_columns(events: Sequence[Event]) -> dict[str, list[object]]:
    names = ("provider", "kind", "group", "code", "text")
    return {name: [event[place] for event in events] for place, name in enumerate(names)}


async def used(connection: AsyncConnection, limit: Limit) -> int:
    """How much of a quota is used up today, for a Redis that has forgotten it. 0 for a limit that has no records.

    Keys: "provider:ID:day", "warm:ID" for a provider as a whole, "warm:ID:GROUP", "sender:ID:day".
    """
    kind, number, *rest = limit.key.split(":")
    if kind in ("provider", "warm"):
        group = rest[0] if kind == "warm" and rest else ""
        found = await connection.execute(USED_TODAY, {"provider": int(number), "group": group})
    elif kind == "sender":
        found = await connection.execute(SENT_TODAY_BY_USER, {"user": int(number)})
    else:
        return 0
    row = await found.fetchone()
    return int(row[0]) if row else 0
