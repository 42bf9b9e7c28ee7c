"""Sums by quarters of an hour, beside those by minute: reports over hours and days read a fifteenth of the rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracking", "0012_breakdown_big")]

    operations = [
        migrations.CreateModel(
            name="QuarterRollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign_id",
                        "quarter",
                        "kind",
                        "who",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("campaign_id", models.BigIntegerField()),
                ("quarter", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("click", "Click"),
                            ("unsubscribe", "Unsubscribe"),
                            ("resubscribe", "Resubscribe"),
                            ("complaint", "Complaint"),
                            ("bounce", "Bounce"),
                            ("rejected", "Rejected"),
                            ("deferred", "Deferred"),
                            ("delivered", "Delivered"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "who",
                    models.CharField(
                        choices=[("human", "A person"), ("machine", "A machine"), ("unsure", "Unsure")], max_length=8
                    ),
                ),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "tracking_quarter",
            },
        ),
    ]
