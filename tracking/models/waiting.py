"""Events that cannot be recorded now: too early, or not fit for the table."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ParkedEvent(models.Model):
    """An event that overtook the record of its e-mail. Tried again at `due_at`, for three days from `parked_at`."""

    id = models.UUIDField(primary_key=True)
    payload = models.TextField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField()
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="parked_due")]

    def __str__(self) -> str:
        return f"parked {self.id}"


class AsideEvent(models.Model):
    """An entry of the stream that the table does not take, kept as it came so that it neither stops the drain nor is
    lost."""

    payload = models.TextField()
    reason = models.TextField()
    set_aside_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"aside: {self.reason}"
