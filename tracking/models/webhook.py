"""Webhooks of our own: endpoints of other programs, and every delivery to them."""

from __future__ import annotations

import datetime as dt

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from campaigns import crypto

# both signatures go along for so long, so that the receiver can change its secret without a gap
OLD_SECRET_SIGNS = dt.timedelta(days=1)


class WebhookEndpoint(models.Model):
    """An address that events are posted to, signed after Standard Webhooks.

    kinds: names of `tracking.hooks.kinds`. stream: "marketing", "transactional", or "" for both. tags: one of them on
    the message, where any is named. failures: in a row. hold_until: nothing is posted before, because it failed.
    """

    class Stream(models.TextChoices):
        BOTH = "", "Campaigns and transactional"
        MARKETING = "marketing", "Campaigns"
        TRANSACTIONAL = "transactional", "Transactional"

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField("address", max_length=2000)
    kinds = ArrayField(models.CharField(max_length=40), verbose_name="events")
    stream = models.CharField("of", max_length=16, choices=Stream.choices, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=100), blank=True, default=list)
    people_only = models.BooleanField(
        "opens and clicks of people only", default=True, help_text="Leave out machines and what is unsure."
    )
    is_active = models.BooleanField("active", default=True)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_because = models.CharField(max_length=500, blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    hold_until = models.DateTimeField(null=True, editable=False)
    sealed_secrets = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name = "webhook"

    def __str__(self) -> str:
        return self.name

    def replace_secret(self, secret: str, now: dt.datetime) -> None:
        """Sign with a new secret, and for a day with the old one too. Not saved."""
        try:
            old = crypto.unseal(self.sealed_secrets).get("secret", "")
        except crypto.SecretUnreadable:
            old = ""
        kept = {"old": old, "old_until": (now + OLD_SECRET_SIGNS).timestamp()} if old else {}
        self.sealed_secrets = crypto.seal({"secret": secret, **kept})

    def signing_secrets(self, now: dt.datetime) -> list[str]:
        """The secrets that sign at this moment, the new one first. Raises crypto.SecretUnreadable."""
        kept = crypto.unseal(self.sealed_secrets)
        is_in_time = now.timestamp() < kept.get("old_until", 0)
        return [secret for secret in (kept.get("secret"), kept.get("old") if is_in_time else "") if secret]


class WebhookDelivery(models.Model):
    """One event for one endpoint. Written with the event, in its transaction; posted until it arrives.

    event_id: the header `webhook-id`, the same for every try. due_at: when it is tried next, None when it is settled;
    a claim puts it ahead, so that a worker that died is followed by another. tried: fences whoever writes the outcome.
    lead_id: of whom the body speaks, to erase them. answer: the beginning of what the endpoint said last.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, db_index=False)
    event_id = models.CharField(max_length=60)
    kind = models.CharField("event", max_length=40)
    body = models.TextField()
    lead_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True)
    give_up_at = models.DateTimeField()
    tried = models.PositiveSmallIntegerField(default=0, db_default=0)
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField("HTTP status", null=True)
    answer = models.CharField(max_length=500, blank=True, default="", db_default="")
    error = models.CharField(max_length=500, blank=True, default="", db_default="")
    seconds = models.FloatField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="webhook_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["endpoint", "-id"], name="webhook_of_endpoint"),
            models.Index(fields=["lead_id"], name="webhook_of_lead", condition=models.Q(lead_id__isnull=False)),
            models.Index(fields=["created_at"], name="webhook_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
