"""Addresses and domains that must not be mailed."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Suppression(models.Model):
    """One address or domain that is never mailed, whatever list or segment it is in.

    digest: SHA-256 of the normalised address or domain. `value` is empty where only the hash may be stored. A domain
    means the addresses at exactly that domain: its subdomains are entries of their own.
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

    # what holds for transactional mail too: the mailbox does not exist, its owner calls our mail spam, or a person of
    # ours said so. Who left the newsletters still gets a receipt, and of an imported list nobody knows the reason.
    BINDING = (Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.MANUAL)

    kind = models.CharField(max_length=8, choices=Kind.choices)
    digest = models.BinaryField(max_length=32)
    value = models.CharField("address or domain", max_length=254, blank=True, default="", db_default="")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    source = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # the person's own wish, kept where a stronger reason took its place: a release must not undo it
    unsubscribed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["digest", "kind"], name="suppression_once")]

    def __str__(self) -> str:
        return self.value or bytes(self.digest).hex()[:16]


class SuppressionRelease(models.Model):
    """That a suppression was taken off the list, by whom and why. The row stays; erasing a person empties `value`.

    released_by: a member of staff by name, or the person themselves.
    """

    kind = models.CharField(max_length=8, choices=Suppression.Kind.choices)
    digest = models.BinaryField(max_length=32)
    value = models.CharField("address or domain", max_length=254, blank=True, default="")
    reason = models.CharField("was suppressed for", max_length=16, choices=Suppression.Reason.choices)
    source = models.CharField(max_length=200, blank=True, default="")
    suppressed_at = models.DateTimeField()
    released_at = models.DateTimeField(db_default=Now(), editable=False)
    released_by = models.CharField(max_length=150)
    why = models.CharField("why it was released", max_length=300)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["digest"], name="release_digest")]

    def __str__(self) -> str:
        return self.value or bytes(self.digest).hex()[:16]
