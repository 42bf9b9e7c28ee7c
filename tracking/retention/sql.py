"""The SQL of retention: every statement with its name and its reason."""

from __future__ import annotations

# One run at a time; ends with the session.
RUN_LOCK = 7205005

# Partitions of a table with their size on disk, indexes included. From the catalogue alone.
PARTITIONS = """
SELECT c.relname, c.oid::bigint, pg_total_relation_size(c.oid)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = to_regclass(%(parent)s) ORDER BY c.relname
"""
# Whether the very table that a removal has begun with is there, and whether it is attached (true: half detached).
STANDING = """
SELECT i.inhdetachpending FROM pg_class c
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = to_regclass(%(parent)s)
 WHERE c.oid = %(oid)s AND c.relname = %(child)s
"""

# Blocks of campaigns that hold one which is not over for long enough, or of which anything may still be sent. A draft
# has no e-mails yet: if it is launched later, its block is made again.
KEPT_BLOCKS = """
SELECT DISTINCT c.id / %(block)s FROM campaigns_campaign c
 WHERE c.state NOT IN ('draft', 'sent', 'cancelled')
    OR (c.state IN ('sent', 'cancelled') AND c.launched_at IS NOT NULL
        AND (c.finished_at IS NULL OR c.finished_at >= %(before)s
             OR EXISTS (SELECT FROM delivery_batch b WHERE b.campaign_id = c.id AND b.state <> 'done')))
"""
# Blocks that hold any launched campaign: an empty one that stands ready for the next is no piece.
USED_BLOCKS = "SELECT DISTINCT id / %(block)s FROM campaigns_campaign WHERE launched_at IS NOT NULL"

# Whether anything of a block may still be sent, however old it is: asked again when nobody can write to it any more.
STILL_SENDS = """
SELECT EXISTS (SELECT FROM campaigns_campaign c
                WHERE c.id >= %(low)s AND c.id < %(high)s
                  AND (c.state NOT IN ('draft', 'sent', 'cancelled')
                       OR EXISTS (SELECT FROM delivery_batch b WHERE b.campaign_id = c.id AND b.state <> 'done')))
"""

# E-mails that wait for another attempt hold their block, however old its campaigns are: a person may have tried dead
# letters again. By the partial index on what needs attention; of the partition itself, for it may be detached.
EMAILS_UNDER_WAY = """
SELECT EXISTS (SELECT FROM {partition} WHERE status = 'deferred')
"""

# Messages that wait hold their month, however old it is. By the partial index on what is due.
MESSAGES_UNDER_WAY = """
SELECT EXISTS (SELECT FROM {partition} WHERE status IN ('queued', 'deferred', 'sending'))
"""

# A detach waits for those who read the table, and lets everybody through meanwhile; it cannot stand in a transaction.
DETACH = "ALTER TABLE {parent} DETACH PARTITION {child} CONCURRENTLY"
# A detach that was broken off half way.
FINALIZE = "ALTER TABLE {parent} DETACH PARTITION {child} FINALIZE"
DROP = "DROP TABLE {child}"
# Back again. The constraint that it was made with spares a look through its rows.
ATTACH = "ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({low}) TO ({high})"

# What belongs to the e-mails of a block and lies outside of it, in short transactions. {limit} rows each. A draft of
# the block keeps its feed, and a campaign that was launched meanwhile what belongs to it.
_OF_BLOCK = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE campaign_id >= %(low)s AND campaign_id < %(high)s
       AND campaign_id NOT IN (SELECT id FROM campaigns_campaign
                                WHERE id >= %(low)s AND id < %(high)s AND state NOT IN ('sent', 'cancelled'))
     LIMIT %(limit)s))
"""
FORGET = {
    "clicks of leads": _OF_BLOCK.format(table="tracking_link_click"),
    "engagement": _OF_BLOCK.format(table="tracking_campaignengagement"),
    "feeds": _OF_BLOCK.format(table="campaigns_feedentry"),
}

# Rows of tables without partitions that nobody needs any more, in short transactions.
PRUNE = {
    "alerts": """
DELETE FROM delivery_alert WHERE id IN (
    SELECT id FROM delivery_alert WHERE created_at < now() - %(alert_days)s * interval '1 day'
       AND next_try_at IS NULL ORDER BY id LIMIT %(limit)s)
""",
    "events set aside": """
DELETE FROM tracking_asideevent WHERE id IN (
    SELECT id FROM tracking_asideevent WHERE set_aside_at < now() - %(aside_days)s * interval '1 day'
     ORDER BY id LIMIT %(limit)s)
""",
    # the longest period of a frequency cap is 90 days; the newest time stands last
    "touches of leads": """
DELETE FROM delivery_leadtouch WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM delivery_leadtouch
     WHERE times = '{}' OR times[cardinality(times)] < now() - interval '90 days' LIMIT %(limit)s))
""",
}
