"""Dead letters by key, in both tables: built partition by partition, while mail goes on."""

from django.db import migrations

INDEXES = (
    ("delivery_email", "delivery_email_dead", "(campaign_id, lead_id)"),
    ("delivery_message", "delivery_message_dead", "(id)"),
)
WHERE = "WHERE status = 'dead'"
NOT_ATTACHED = """
SELECT i.inhrelid::regclass::text
  FROM pg_inherits i
 WHERE i.inhparent = %s::regclass
   AND NOT EXISTS (SELECT FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
                    WHERE x.indrelid = i.inhrelid AND p.inhparent = %s::regclass)
 ORDER BY 1 LIMIT 1
"""


def build(_apps, schema_editor):
    """Safe to run again after it was broken off: what is attached stays, a half-built index is made anew."""
    with schema_editor.connection.cursor() as cursor:
        for parent, index, columns in INDEXES:
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {index} ON ONLY {parent} {columns} {WHERE}")
            while True:
                cursor.execute(NOT_ATTACHED, [parent, index])
                row = cursor.fetchone()
                if row is None:
                    break
                child = row[0]
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {child}_dead")
                cursor.execute(f"CREATE INDEX CONCURRENTLY {child}_dead ON {child} {columns} {WHERE}")
                cursor.execute(f"ALTER INDEX {index} ATTACH PARTITION {child}_dead")


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for _, index, _ in INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS {index}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("delivery", "0005_dead_letters")]

    operations = [migrations.RunPython(build, drop)]
