"""All raw SQL of the suppression list."""

from __future__ import annotations

# Of two reasons for one thing the stronger stays, by its place in ranks. In the order of digests, so that two imports
# lock what they share in the same order. 45 µs a row.
ADD = """
INSERT INTO campaigns_suppression AS s (kind, digest, value, reason, source, unsubscribed_at)
SELECT kind, digest, value, reason, %(source)s, CASE WHEN reason = 'unsubscribe' THEN now() END
  FROM unnest(%(kinds)s::text[], %(digests)s::bytea[], %(values)s::text[], %(reasons)s::text[])
    AS new (kind, digest, value, reason) ORDER BY digest
ON CONFLICT (digest, kind) DO UPDATE
   SET reason = CASE WHEN array_position(%(ranks)s::text[], excluded.reason::text)
                          > array_position(%(ranks)s::text[], s.reason::text) THEN excluded.reason ELSE s.reason END,
       source = CASE WHEN array_position(%(ranks)s::text[], excluded.reason::text)
                          > array_position(%(ranks)s::text[], s.reason::text) THEN excluded.source ELSE s.source END,
       unsubscribed_at = coalesce(s.unsubscribed_at, CASE WHEN s.reason = 'unsubscribe' THEN s.created_at END,
                                  excluded.unsubscribed_at)
 WHERE array_position(%(ranks)s::text[], excluded.reason::text) > array_position(%(ranks)s::text[], s.reason::text)
    OR (excluded.reason = 'unsubscribe' AND s.unsubscribed_at IS NULL)
RETURNING xmax = 0
"""

# Rows are locked in the order of their ids: otherwise this and a campaign that records bounces deadlock.
MARK_LEADS = """
UPDATE campaigns_lead SET status = %(status)s, updated_at = now()
 WHERE id IN (SELECT id FROM campaigns_lead WHERE email = ANY(%(emails)s) ORDER BY id FOR UPDATE)
   AND status = 'subscribed'
"""

# One runner per import, in all processes; it goes with the session, so a killed runner frees it.
IMPORT_LOCK = 7204813

# What the import takes back: a value, or the hash where no value is stored. {value}: guarded against spreadsheets.
EXPORT = """
SELECT CASE WHEN value = '' THEN encode(digest, 'hex') ELSE {value} END AS value, kind, reason, {source} AS source,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS created_at
  FROM campaigns_suppression WHERE {where} ORDER BY id
"""
