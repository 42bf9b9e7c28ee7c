"""A named condition on leads."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Segment(models.Model):
    """`condition` is the JSON tree that `campaigns.segments` validates and compiles to SQL."""

    name = models.CharField(max_length=100, unique=True)
    condition = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
