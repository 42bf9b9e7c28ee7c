"""Soft bounces, counted until an address has too many; and how many that are."""

import django.core.validators
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0009_email_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="sendingpolicy",
            name="soft_bounce_days",
            field=models.PositiveSmallIntegerField(
                db_default=14,
                default=14,
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)],
                verbose_name="counted over days",
            ),
        ),
        migrations.AddField(
            model_name="sendingpolicy",
            name="soft_bounce_limit",
            field=models.PositiveSmallIntegerField(
                db_default=5,
                default=5,
                help_text="Each e-mail counts once. 0: never.",
                validators=[django.core.validators.MaxValueValidator(100)],
                verbose_name="soft bounces until an address is suppressed",
            ),
        ),
        migrations.CreateModel(
            name="SoftBounce",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.BinaryField(max_length=32)),
                ("source", models.CharField(max_length=40)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [models.Index(fields=["at"], name="soft_bounce_at")],
                "constraints": [models.UniqueConstraint(fields=("digest", "source"), name="soft_bounce_once")],
            },
        ),
    ]
