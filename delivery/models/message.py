"""Transactional mail: one row per recipient, partitioned by month, claimed by row.

The table is made by a migration in SQL.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Message(models.Model):
    """One transactional e-mail from acceptance to its outcome.

    content: zlib JSON as in FrozenContent, its merge data in `data`. An expired lease becomes `unknown`, or is sent
    once more with the same Message-ID where `at_least_once` was asked for.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DEFERRED = "deferred", "Deferred"
        BOUNCED_HARD = "bounced_hard", "Bounced (hard)"
        BOUNCED_SOFT = "bounced_soft", "Bounced (soft)"
        FAILED = "failed", "Failed"
        DEAD = "dead", "Dead letter"
        SKIPPED = "skipped", "Skipped"
        CANCELLED = "cancelled", "Cancelled"
        UNKNOWN = "unknown", "Unknown"

    pk = models.CompositePrimaryKey("id", "created_at")
    id = models.BigIntegerField()
    created_at = models.DateTimeField()
    stream = models.TextField(default="transactional")
    pool_id = models.BigIntegerField(null=True)
    priority = models.SmallIntegerField(default=5)
    to_address = models.TextField()
    to_name = models.TextField(default="")
    sender = models.TextField()
    sender_name = models.TextField(default="")
    reply_to = models.TextField(default="")
    content = models.BinaryField()
    data = models.JSONField(default=dict)
    headers = models.JSONField(default=list)
    tags = ArrayField(models.TextField(), default=list)
    metadata = models.JSONField(default=dict)
    at_least_once = models.BooleanField(default=False)
    status = models.TextField(choices=Status.choices)
    attempt = models.IntegerField(default=0)
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    provider_id = models.IntegerField(null=True)
    at = models.DateTimeField(null=True)
    code = models.SmallIntegerField(null=True)
    enhanced = models.TextField(null=True)
    reply = models.TextField(null=True)
    esp_message_id = models.TextField(null=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_message"
        verbose_name = "transactional message"

    def __str__(self) -> str:
        return f"message {self.id} to {self.to_address}: {self.status}"
