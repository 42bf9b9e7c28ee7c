"""The ledger: one row per (campaign, lead), written with the claims, partitioned by blocks of campaign ids.

The table is made by a migration in SQL: Django writes to it only through `delivery.sql`.
"""

from __future__ import annotations

from django.db import models

CAMPAIGNS_A_PARTITION = 256


class Email(models.Model):
    """What became of one lead in one campaign.

    attempt: the fence, rises with every batch that the lead is put in. tries: real attempts made.
    """

    class Status(models.TextChoices):
        SENT = "sent", "Sent"
        DEFERRED = "deferred", "Deferred"
        BOUNCED_HARD = "bounced_hard", "Bounced (hard)"
        BOUNCED_SOFT = "bounced_soft", "Bounced (soft)"
        FAILED = "failed", "Failed"
        DEAD = "dead", "Dead letter"
        SKIPPED = "skipped", "Skipped"
        UNKNOWN = "unknown", "Unknown"

    pk = models.CompositePrimaryKey("campaign_id", "lead_id")
    campaign_id = models.BigIntegerField()
    lead_id = models.BigIntegerField()
    attempt = models.IntegerField()
    tries = models.SmallIntegerField()
    status = models.TextField(choices=Status.choices)
    provider_id = models.IntegerField(null=True)
    variant = models.SmallIntegerField()
    at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    code = models.SmallIntegerField(null=True)
    enhanced = models.TextField(null=True)
    reply = models.TextField(null=True)
    address_hash = models.BinaryField(null=True)
    esp_message_id = models.TextField(null=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_email"
        verbose_name = "e-mail"

    def __str__(self) -> str:
        return f"e-mail {self.campaign_id}/{self.lead_id}: {self.status}"
