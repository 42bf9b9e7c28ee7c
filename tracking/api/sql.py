"""The SQL of the events feed: each statement with its reason and its cost, 200,000 events on a busy machine."""

from __future__ import annotations

from collections.abc import Iterable

# Everything recorded before this moment is visible to the statement that follows. recorded_at is the start of the
# transaction that recorded, so no transaction that still runs can bring an earlier one; the second of margin is for
# one that has just begun and is not listed yet. Nothing that records runs for two minutes: a reader that does must not
# hold the feed for longer. Asked in a statement of its own: a snapshot that is older than the answer would miss what
# was committed between the two. 0.3 ms.
HORIZON = """
SELECT greatest(least(min(xact_start), clock_timestamp() - interval '1 second'),
                clock_timestamp() - interval '2 minutes')
  FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def read_events(names: Iterable[str], filters: Iterable[str], *, has_cursor: bool, has_since: bool) -> str:
    """read_events: by the index on (recorded_at, id) of every month, merged. 6 ms for 500; a filter that matches
    little reads on until its page is full or its time is over.

    names, filters: columns, from constants of ours.
    """
    where = ["recorded_at < %(horizon)s", *(f"{name} = %({name})s" for name in filters)]
    if has_cursor:
        where.append("(recorded_at, id) > (%(since)s::timestamptz, %(last_id)s::uuid)")
    elif has_since:
        where.append("recorded_at >= %(since)s")
    return (
        f"SELECT {', '.join(names)} FROM tracking_event WHERE {' AND '.join(where)} "  # noqa: S608
        "ORDER BY recorded_at, id LIMIT %(limit)s"
    )
