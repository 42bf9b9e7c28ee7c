"""What people decided about e-mails of which nobody knows whether they arrived."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from campaigns.models import Campaign


class UnknownDecision(models.Model):
    """One decision about some unknown e-mails of one campaign; written once, never changed.

    by_name: as the person was called then; the account may be gone.
    """

    class Action(models.TextChoices):
        LEAVE = "leave", "Left as unknown"
        MARK_SENT = "mark_sent", "Marked as sent"
        RESEND = "resend", "Sent again"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="unknown_decisions")
    action = models.CharField(max_length=16, choices=Action.choices)
    lead_count = models.PositiveIntegerField()
    lead_ids = ArrayField(models.BigIntegerField())
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=150, blank=True, default="")
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name = "decision on unknown e-mails"
        verbose_name_plural = "decisions on unknown e-mails"

    def __str__(self) -> str:
        return f"{self.lead_count} of campaign {self.campaign_id}: {self.get_action_display()}"
