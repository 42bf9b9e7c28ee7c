"""The ledger and the transactional messages: partitioned tables that Django's schema editor cannot make."""

import datetime as dt

from django.db import migrations

LEDGER = """
CREATE TABLE delivery_email (
    campaign_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    at timestamptz NOT NULL,
    due_at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    complained_at timestamptz,
    unsubscribed_at timestamptz,
    attempt integer NOT NULL,
    provider_id integer,
    tries smallint NOT NULL,
    variant smallint NOT NULL,
    code smallint,
    status text NOT NULL,
    enhanced text,
    address_hash bytea,
    reply text,
    esp_message_id text,
    PRIMARY KEY (campaign_id, lead_id)
) PARTITION BY RANGE (campaign_id);
CREATE INDEX delivery_email_lead ON delivery_email (lead_id);
CREATE INDEX delivery_email_attention ON delivery_email (status, due_at)
    WHERE status IN ('deferred', 'dead', 'unknown');
"""

MESSAGES = """
CREATE SEQUENCE delivery_message_id_seq;
CREATE TABLE delivery_message (
    id bigint NOT NULL DEFAULT nextval('delivery_message_id_seq'),
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz,
    lease_until timestamptz,
    at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    lease_token uuid,
    pool_id bigint,
    provider_id integer,
    attempt integer NOT NULL DEFAULT 0,
    priority smallint NOT NULL DEFAULT 5,
    tries smallint NOT NULL DEFAULT 0,
    code smallint,
    at_least_once boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'queued',
    stream text NOT NULL DEFAULT 'transactional',
    to_address text NOT NULL,
    to_name text NOT NULL DEFAULT '',
    sender text NOT NULL,
    sender_name text NOT NULL DEFAULT '',
    reply_to text NOT NULL DEFAULT '',
    content bytea NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    headers jsonb NOT NULL DEFAULT '[]',
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    enhanced text,
    reply text,
    esp_message_id text,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
ALTER SEQUENCE delivery_message_id_seq OWNED BY delivery_message.id;
CREATE INDEX delivery_message_due ON delivery_message (priority DESC, due_at)
    WHERE status IN ('queued', 'deferred', 'sending');
CREATE INDEX delivery_message_to ON delivery_message (to_address, created_at);
"""


# a claim updates the row in place: room on the page keeps that update off the indexes
BATCH_ROOM = "ALTER TABLE delivery_batch SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)"
BATCH_ROOM_BACK = "ALTER TABLE delivery_batch RESET (fillfactor, autovacuum_vacuum_scale_factor)"


def first_partitions(_apps, _schema_editor):
    from delivery import partitions

    partitions.ensure_ahead(newest_campaign_id=0, today=dt.datetime.now(dt.UTC).date())


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.RunSQL(LEDGER, "DROP TABLE delivery_email"),
        migrations.RunSQL(MESSAGES, "DROP TABLE delivery_message"),
        migrations.RunSQL(BATCH_ROOM, BATCH_ROOM_BACK),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
