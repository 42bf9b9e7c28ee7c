"""The sums by quarters of an hour from those by minute, campaign by campaign."""

from django.db import migrations, transaction

FILL = """
INSERT INTO tracking_quarter (campaign_id, quarter, kind, who, count)
SELECT campaign_id, date_bin('15 minutes', minute, timestamptz '2000-01-01 00:00+00'), kind, who, sum(count)
  FROM tracking_minute WHERE campaign_id = %s GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def fill(_apps, schema_editor):
    """A campaign a transaction, 0.1 s each; whoever counts events or e-mails waits for so long."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM campaigns_campaign ORDER BY id")
        for (campaign_id,) in cursor.fetchall():
            with transaction.atomic(using=connection.alias):
                # those of tracking.sql.OWN_EVENTS and tracking.rollup_sql.LOCK
                cursor.execute("SELECT pg_advisory_xact_lock(7205003), pg_advisory_xact_lock(7205002)")
                cursor.execute("DELETE FROM tracking_quarter WHERE campaign_id = %s", [campaign_id])
                cursor.execute(FILL, [campaign_id])


class Migration(migrations.Migration):
    # short transactions; one that was broken off is done again from the beginning
    atomic = False

    dependencies = [("tracking", "0013_quarters"), ("campaigns", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
