"""Breakdowns for reports, and the trigger that notes every change of a ledger row for them."""

import django.contrib.postgres.fields
from django.db import migrations, models

# One statement a statement, and only for UPDATEs: the hot road of a first try inserts and is not touched. Whoever
# changes a row, the change is noted in the same transaction, so that no writer can forget it.
TRIGGER = """
CREATE FUNCTION tracking_note_email_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tracking_emailchange (campaign_id, lead_id, old_status, status, old_provider_id, provider_id,
                                      old_variant, variant, old_at, at, old_flags, flags, old_reason, reason)
    SELECT c.campaign_id, c.lead_id, c.old_status, c.status, c.old_provider_id, c.provider_id, c.old_variant, c.variant,
           c.old_at, c.at, c.old_flags, c.flags, c.old_reason, c.reason
      FROM (SELECT a.campaign_id, a.lead_id, b.status AS old_status, a.status, b.provider_id AS old_provider_id,
                   a.provider_id, b.variant AS old_variant, a.variant, b.at AS old_at, a.at,
                   (b.opened_at IS NOT NULL)::int + 2 * (b.clicked_at IS NOT NULL)::int
                       + 4 * (b.unsubscribed_at IS NOT NULL)::int + 8 * (b.complained_at IS NOT NULL)::int AS old_flags,
                   (a.opened_at IS NOT NULL)::int + 2 * (a.clicked_at IS NOT NULL)::int
                       + 4 * (a.unsubscribed_at IS NOT NULL)::int + 8 * (a.complained_at IS NOT NULL)::int AS flags,
                   CASE WHEN b.status = 'sent' THEN '' WHEN b.status = 'skipped' THEN left(coalesce(b.reply, ''), 100)
                        ELSE concat_ws(' ', b.code, b.enhanced) END AS old_reason,
                   CASE WHEN a.status = 'sent' THEN '' WHEN a.status = 'skipped' THEN left(coalesce(a.reply, ''), 100)
                        ELSE concat_ws(' ', a.code, a.enhanced) END AS reason
              FROM email_before b JOIN email_after a ON a.campaign_id = b.campaign_id AND a.lead_id = b.lead_id) c
     WHERE c.status <> c.old_status OR c.flags <> c.old_flags OR c.provider_id IS DISTINCT FROM c.old_provider_id
        OR c.variant <> c.old_variant OR c.reason <> c.old_reason OR (c.status = 'sent' AND c.at <> c.old_at);
    RETURN NULL;
END $$;
CREATE TRIGGER tracking_note_email_changes AFTER UPDATE ON delivery_email
    REFERENCING OLD TABLE AS email_before NEW TABLE AS email_after
    FOR EACH STATEMENT EXECUTE FUNCTION tracking_note_email_changes();
"""
TRIGGER_BACK = """
DROP TRIGGER tracking_note_email_changes ON delivery_email;
DROP FUNCTION tracking_note_email_changes();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0002_event"),
        ("delivery", "0008_batch_rolled"),
    ]

    operations = [
        migrations.CreateModel(
            name="Breakdown",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "dimension",
                        "value",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("dimension", models.CharField(max_length=120)),
                ("value", models.CharField(max_length=255)),
                ("sent", models.BigIntegerField(db_default=0, default=0)),
                ("bounced_hard", models.BigIntegerField(db_default=0, default=0)),
                ("bounced_soft", models.BigIntegerField(db_default=0, default=0)),
                ("deferred", models.BigIntegerField(db_default=0, default=0)),
                ("failed", models.BigIntegerField(db_default=0, default=0)),
                ("dead", models.BigIntegerField(db_default=0, default=0)),
                ("skipped", models.BigIntegerField(db_default=0, default=0)),
                ("unknown", models.BigIntegerField(db_default=0, default=0)),
                ("opened", models.BigIntegerField(db_default=0, default=0)),
                ("clicked", models.BigIntegerField(db_default=0, default=0)),
                ("unsubscribed", models.BigIntegerField(db_default=0, default=0)),
                ("complained", models.BigIntegerField(db_default=0, default=0)),
                ("open_human", models.BigIntegerField(db_default=0, default=0)),
                ("open_machine", models.BigIntegerField(db_default=0, default=0)),
                ("open_unsure", models.BigIntegerField(db_default=0, default=0)),
                ("click_human", models.BigIntegerField(db_default=0, default=0)),
                ("click_machine", models.BigIntegerField(db_default=0, default=0)),
                ("click_unsure", models.BigIntegerField(db_default=0, default=0)),
                ("delivered", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "db_table": "tracking_breakdown",
            },
        ),
        migrations.CreateModel(
            name="EmailChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("campaign_id", models.BigIntegerField()),
                ("lead_id", models.BigIntegerField()),
                ("old_status", models.TextField()),
                ("status", models.TextField()),
                ("old_provider_id", models.IntegerField(null=True)),
                ("provider_id", models.IntegerField(null=True)),
                ("old_variant", models.SmallIntegerField()),
                ("variant", models.SmallIntegerField()),
                ("old_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
                ("old_flags", models.SmallIntegerField()),
                ("flags", models.SmallIntegerField()),
                ("old_reason", models.TextField()),
                ("reason", models.TextField()),
            ],
            options={
                "db_table": "tracking_emailchange",
            },
        ),
        migrations.CreateModel(
            name="ReportSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "country_attribute",
                    models.CharField(
                        blank=True,
                        db_default="country",
                        default="country",
                        help_text="The lead's attribute that holds the country. Empty: no report by country.",
                        max_length=100,
                        verbose_name="country",
                    ),
                ),
                (
                    "attributes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        db_default=[],
                        default=list,
                        help_text="Up to five more attributes to break reports down by, with commas between them: plan, source.",
                        size=None,
                    ),
                ),
            ],
            options={
                "verbose_name": "report settings",
                "verbose_name_plural": "report settings",
                "permissions": [("view_reports", "Can see reports")],
            },
        ),
        migrations.RunSQL(TRIGGER, TRIGGER_BACK),
    ]
