"""Addresses and domains that must not be mailed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Suppression(models.Model):
    """One address or domain that is never mailed, whatever list or segment it is in.

    digest: SHA-256 of the normalised address or domain. `value` is empty where only the hash may be stored.
    """

    class Kind(models.TextChoices):
        ADDRESS = "address", "Address"
        HASH = "hash", "Hashed address"
        DOMAIN = "domain", "Domain"

    class Reason(models.TextChoices):
        HARD_BOUNCE = "hard_bounce", "Hard bounce"
        SOFT_BOUNCES = "soft_bounces", "Repeated soft bounces"
        COMPLAINT = "complaint", "Complaint"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribed"
        MANUAL = "manual", "Added by hand"
        IMPORTED = "imported", "Imported"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    digest = models.BinaryField(max_length=32)
    value = models.CharField("address or domain", max_length=254, blank=True, default="", db_default="")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    source = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["digest", "kind"], name="suppression_once")]

    def __str__(self) -> str:
        return self.value or bytes(self.digest).hex()[:16]
