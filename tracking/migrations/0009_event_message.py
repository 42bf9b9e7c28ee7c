"""Events are found by their message: to show and to scrub what is kept about one person.

Few events are of messages, so the index is small. It is built partition by partition and concurrently: the drain goes
on meanwhile.
"""

from django.db import migrations

INDEX = "tracking_event_message"
DEFINITION = "(message_id) WHERE message_id IS NOT NULL"
PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'tracking_event'::regclass ORDER BY 1
"""


def build(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY tracking_event {DEFINITION}")
        cursor.execute(PARTITIONS)
        for (partition,) in cursor.fetchall():
            name = f"{partition}_message_idx"
            cursor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {partition} {DEFINITION}")
            cursor.execute(f"ALTER INDEX {INDEX} ATTACH PARTITION {name}")


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tracking", "0008_event_recorded_at")]

    operations = [migrations.RunPython(build, drop)]
