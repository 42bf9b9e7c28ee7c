"""Streams of transactional mail; contents stored once, histories by month, encrypted copies."""

import datetime as dt

import django.core.validators
import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

TABLES = """
CREATE TABLE delivery_messagecontent (
    digest bytea PRIMARY KEY,
    kind text NOT NULL,
    payload bytea NOT NULL,
    links jsonb NOT NULL DEFAULT '[]',
    files bytea[] NOT NULL DEFAULT '{}',
    used_at timestamptz NOT NULL DEFAULT now()
);
-- it is compressed already
ALTER TABLE delivery_messagecontent ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX delivery_messagecontent_used ON delivery_messagecontent (used_at);
CREATE TABLE delivery_messagecopy (
    message_id bigint PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    sealed bytea NOT NULL
);
ALTER TABLE delivery_messagecopy ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX delivery_messagecopy_expires ON delivery_messagecopy (expires_at);
CREATE TABLE delivery_messageevent (
    message_id bigint NOT NULL,
    at timestamptz NOT NULL,
    provider_id integer,
    code smallint,
    kind text NOT NULL,
    detail text NOT NULL DEFAULT ''
) PARTITION BY RANGE (at);
CREATE INDEX delivery_messageevent_message ON delivery_messageevent (message_id, at);
"""
TABLES_BACK = "DROP TABLE delivery_messageevent, delivery_messagecopy, delivery_messagecontent"

# a column without a default of its own is added without a rewrite
COLUMNS = """
ALTER TABLE delivery_message ADD COLUMN content_digest bytea;
ALTER TABLE delivery_message ALTER COLUMN content SET DEFAULT '';
"""
COLUMNS_BACK = """
ALTER TABLE delivery_message ALTER COLUMN content DROP DEFAULT;
ALTER TABLE delivery_message DROP COLUMN content_digest;
"""


def first_partitions(_apps, _schema_editor):
    from delivery import partitions

    partitions.ensure_ahead(newest_campaign_id=0, today=dt.datetime.now(dt.UTC).date())


def first_stream(apps, _schema_editor):
    apps.get_model("delivery", "MessageStream").objects.get_or_create(name="transactional")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0010_returns")]

    operations = [
        migrations.RunSQL(TABLES, TABLES_BACK),
        migrations.RunSQL(COLUMNS, COLUMNS_BACK),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
        migrations.CreateModel(
            name="MessageContent",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("payload", models.BinaryField()),
                ("links", models.JSONField(default=list)),
                ("files", ArrayField(base_field=models.BinaryField(), default=list, size=None)),
                ("used_at", models.DateTimeField()),
            ],
            options={"db_table": "delivery_messagecontent", "managed": False},
        ),
        migrations.CreateModel(
            name="MessageCopy",
            fields=[
                ("message_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField()),
                ("sealed", models.BinaryField()),
            ],
            options={
                "verbose_name": "copy of a message",
                "verbose_name_plural": "copies of messages",
                "db_table": "delivery_messagecopy",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="MessageEvent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "message_id", "at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("message_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("kind", models.TextField()),
                ("provider_id", models.IntegerField(null=True)),
                ("code", models.SmallIntegerField(null=True)),
                ("detail", models.TextField(default="")),
            ],
            options={"db_table": "delivery_messageevent", "managed": False},
        ),
        migrations.CreateModel(
            name="MessageStream",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        max_length=50,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                r"^[a-z0-9][a-z0-9_-]*\Z", "Small letters, digits, - and _ make a name."
                            )
                        ],
                        help_text="As requests write it, such as receipts.",
                    ),
                ),
                (
                    "at_least_once",
                    models.BooleanField(
                        default=False,
                        verbose_name="at least once",
                        help_text="When it cannot be known whether a message arrived, send it again: a second copy "
                        "rather than none.",
                    ),
                ),
                (
                    "copy_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        verbose_name="days to keep copies",
                        validators=[django.core.validators.MaxValueValidator(90)],
                        help_text="What each recipient got is kept for so long, encrypted. 0 keeps no copies.",
                    ),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        null=True,
                        blank=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="delivery.pool",
                        help_text="The default transactional pool when left empty.",
                    ),
                ),
            ],
            options={"verbose_name": "message stream", "ordering": ["name"]},
        ),
        migrations.RunPython(first_stream, migrations.RunPython.noop),
    ]
