"""What a launched campaign sends, frozen; and where its links lead."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from campaigns.models import Campaign


class FrozenContent(models.Model):
    """One compiled variant. `payload` is zlib-compressed JSON (see delivery/content.py)."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="frozen_contents")
    variant = models.PositiveSmallIntegerField(default=0)
    payload = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "variant"], name="frozen_content_once")]

    def __str__(self) -> str:
        return f"content {self.campaign_id}/{self.variant}"


class Link(models.Model):
    """Target of `/c/<token>/<number>`. Numbers run over all variants; targets outlive the ledger's rows."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="links")
    number = models.PositiveSmallIntegerField()
    url = models.TextField()
    label = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="link_once")]

    def __str__(self) -> str:
        return self.url
