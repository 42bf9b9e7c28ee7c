"""The event table: partitioned by month, which Django's schema editor cannot make."""

import datetime as dt

from django.db import migrations

EVENT = """
CREATE TABLE tracking_event (
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    campaign_id bigint,
    message_id bigint,
    lead_id bigint,
    provider_id integer,
    link_number smallint,
    kind text NOT NULL,
    who text NOT NULL,
    who_reason text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    network text NOT NULL DEFAULT '',
    data jsonb,
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX tracking_event_lead ON tracking_event (lead_id, at) WHERE lead_id IS NOT NULL;
"""


def first_partitions(apps, schema_editor):  # noqa: ARG001
    from tracking import partitions

    partitions.ensure_ahead(dt.datetime.now(dt.UTC).date())


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_initial"), ("delivery", "0002_ledger")]

    operations = [
        migrations.RunSQL(EVENT, "DROP TABLE tracking_event"),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
