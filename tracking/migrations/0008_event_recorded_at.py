"""Events say when they were recorded: the API's feed reads on in that order, and misses none that came late.

The default is worked out once for the rows that are there, so no table is rewritten. The index is built partition by
partition and concurrently: the drain goes on meanwhile.
"""

from django.db import migrations

INDEX = "tracking_event_recorded"
PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'tracking_event'::regclass ORDER BY 1
"""


def build(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE tracking_event ADD COLUMN IF NOT EXISTS recorded_at timestamptz NOT NULL DEFAULT now()"
        )
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY tracking_event (recorded_at, id)")
        cursor.execute(PARTITIONS)
        for (partition,) in cursor.fetchall():
            name = f"{partition}_recorded_idx"
            cursor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {partition} (recorded_at, id)")
            cursor.execute(f"ALTER INDEX {INDEX} ATTACH PARTITION {name}")


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tracking_event DROP COLUMN IF EXISTS recorded_at")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tracking", "0007_webhooks")]

    operations = [migrations.RunPython(build, drop)]
