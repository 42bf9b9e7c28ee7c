"""Webhooks of ESPs, mailboxes of bounces, and what came back about no e-mail of ours."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0010_returns"),
        ("tracking", "0009_event_message"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "protocol",
                    models.CharField(choices=[("imap", "IMAP"), ("pop3", "POP3")], default="imap", max_length=4),
                ),
                ("host", models.CharField(max_length=253)),
                (
                    "port",
                    models.PositiveIntegerField(
                        default=993,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(65535),
                        ],
                    ),
                ),
                (
                    "security",
                    models.CharField(choices=[("tls", "TLS"), ("starttls", "STARTTLS")], default="tls", max_length=8),
                ),
                ("username", models.CharField(max_length=254)),
                ("sealed_password", models.TextField(blank=True, default="", editable=False)),
                ("folder", models.CharField(default="INBOX", help_text="IMAP only.", max_length=200)),
                (
                    "keeps_messages",
                    models.BooleanField(
                        default=False,
                        help_text="IMAP only: they are marked as read instead of deleted; only unread ones are taken.",
                        verbose_name="leave messages in the mailbox",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("last_visit_at", models.DateTimeField(editable=False, null=True)),
                ("last_error", models.CharField(blank=True, db_default="", default="", editable=False, max_length=300)),
                ("taken", models.BigIntegerField(db_default=0, default=0, editable=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
            ],
            options={
                "verbose_name": "bounce mailbox",
                "verbose_name_plural": "bounce mailboxes",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="StrayMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("recipient", models.CharField(blank=True, default="", max_length=254)),
                ("sender", models.CharField(blank=True, default="", max_length=254)),
                ("subject", models.CharField(blank=True, default="", max_length=300)),
                ("reason", models.CharField(max_length=300)),
                ("report", models.JSONField(default=dict)),
                ("raw", models.BinaryField()),
                ("size_bytes", models.PositiveIntegerField()),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name": "stray message",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="StrayEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("esp", models.CharField(max_length=16)),
                ("kind", models.CharField(blank=True, default="", max_length=16)),
                ("recipient", models.CharField(blank=True, default="", max_length=254)),
                ("reason", models.CharField(max_length=300)),
                ("payload", models.TextField()),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "provider",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="delivery.provider",
                    ),
                ),
            ],
            options={
                "verbose_name": "stray webhook event",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="WebhookState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("esp", models.CharField(max_length=16)),
                ("last_event_at", models.DateTimeField(null=True)),
                ("last_refused_at", models.DateTimeField(null=True)),
                ("refusal", models.CharField(blank=True, db_default="", default="", max_length=300)),
                ("refused", models.BigIntegerField(db_default=0, default=0)),
                ("strays", models.BigIntegerField(db_default=0, default=0)),
                ("confirm_url", models.TextField(blank=True, db_default="", default="")),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_states",
                        to="delivery.provider",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("provider", "esp"), name="webhook_state_once")],
            },
        ),
    ]
