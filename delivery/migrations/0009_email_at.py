"""A block-range index on the ledger's time: the export of a day reads that day, and no insert notices the index.

Partition by partition and concurrently: sending goes on while it is built.
"""

from django.db import migrations

INDEX = "delivery_email_at"
PARTITIONS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'delivery_email'::regclass ORDER BY 1
"""


def build(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY delivery_email USING brin (at)")
        cursor.execute(PARTITIONS)
        for (partition,) in cursor.fetchall():
            cursor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {partition}_at_idx ON {partition} USING brin (at)")
            cursor.execute(f"ALTER INDEX {INDEX} ATTACH PARTITION {partition}_at_idx")


def drop(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("delivery", "0008_batch_rolled")]

    operations = [migrations.RunPython(build, drop)]
