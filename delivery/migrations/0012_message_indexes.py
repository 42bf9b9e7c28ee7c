"""Indexes of messages for expired leases and for searching: built partition by partition, while mail goes on."""

from django.db import migrations

ATTENTION = "status IN ('bounced_hard', 'bounced_soft', 'failed', 'dead', 'skipped', 'cancelled', 'unknown')"
# name, suffix in a partition, definition
INDEXES = (
    ("delivery_message_lease", "lease", "(lease_until) WHERE status = 'sending'"),
    ("delivery_message_attention", "attention", f"(status, id) WHERE {ATTENTION}"),
    ("delivery_message_tags", "tags", "USING gin (tags) WHERE tags <> '{}'"),
)
NOT_ATTACHED = """
SELECT i.inhrelid::regclass::text
  FROM pg_inherits i
 WHERE i.inhparent = 'delivery_message'::regclass
   AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
                    WHERE x.indrelid = i.inhrelid AND p.inhparent = %s::regclass)
 ORDER BY 1 LIMIT 1
"""


def build(_apps, schema_editor):
    """Safe to run again after it was broken off: what is attached stays, a half-built index is made anew."""
    with schema_editor.connection.cursor() as cursor:
        for index, suffix, definition in INDEXES:
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {index} ON ONLY delivery_message {definition}")
            while True:
                cursor.execute(NOT_ATTACHED, [index])
                row = cursor.fetchone()
                if row is None:
                    break
                child = row[0]
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {child}_{suffix}")
                cursor.execute(f"CREATE INDEX CONCURRENTLY {child}_{suffix} ON {child} {definition}")
                cursor.execute(f"ALTER INDEX {index} ATTACH PARTITION {child}_{suffix}")


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for index, _, _ in INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS {index}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("delivery", "0011_messages")]

    operations = [migrations.RunPython(build, drop)]
