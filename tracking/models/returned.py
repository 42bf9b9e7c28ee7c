"""What came back and could not be brought to an e-mail of ours, and how the doors of ESPs are doing."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from delivery.models import Provider


class WebhookState(models.Model):
    """One ESP's webhook at one provider: when it last told anything. Counts are of requests and events since ever.

    confirm_url: where somebody must click before Amazon SNS sends anything, "" when all is confirmed.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="webhook_states")
    esp = models.CharField(max_length=16)
    last_event_at = models.DateTimeField(null=True)
    last_refused_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=300, blank=True, default="", db_default="")
    refused = models.BigIntegerField(default=0, db_default=0)
    strays = models.BigIntegerField(default=0, db_default=0)
    confirm_url = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "esp"], name="webhook_state_once")]

    def __str__(self) -> str:
        return f"{self.esp} of {self.provider_id}"


class StrayEvent(models.Model):
    """An ESP's event about no e-mail of ours, or that could not be read. Old ones go, and the oldest of too many."""

    provider = models.ForeignKey(Provider, null=True, on_delete=models.SET_NULL, related_name="+")
    esp = models.CharField(max_length=16)
    kind = models.CharField(max_length=16, blank=True, default="")
    recipient = models.CharField(max_length=254, blank=True, default="")
    reason = models.CharField(max_length=300)
    payload = models.TextField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name = "stray webhook event"

    def __str__(self) -> str:
        return f"{self.esp}: {self.kind or self.reason}"


class StrayMail(models.Model):
    """A message that came to us and is about no e-mail of ours that could be told. raw: its first bytes.

    report: what was read out of it, as `parse_bounce --json` prints it. digest: of all of it, so that it is kept once.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    recipient = models.CharField(max_length=254, blank=True, default="")
    sender = models.CharField(max_length=254, blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")
    reason = models.CharField(max_length=300)
    report = models.JSONField(default=dict)
    raw = models.BinaryField()
    size_bytes = models.PositiveIntegerField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name = "stray message"

    def __str__(self) -> str:
        return self.subject or f"message of {self.size_bytes:,} bytes"
