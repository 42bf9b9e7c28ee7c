"""One uploaded file of addresses, hashes or domains that are not to be mailed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from campaigns.models.suppression import Suppression


class SuppressionImport(models.Model):
    """Progress and result of one import. Counts are lines of the file, the header left out.

    reason: for lines that name none. hash_only: addresses are not stored, only their hashes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Reading the file"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=1000, editable=False)
    reason = models.CharField(
        max_length=16, choices=Suppression.Reason.choices, default=Suppression.Reason.IMPORTED,
        help_text="For lines that name none themselves.",
    )  # fmt: skip
    hash_only = models.BooleanField(
        "store hashes only", default=False, help_text="For lists whose addresses may not be stored."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    size_bytes = models.BigIntegerField(default=0)
    done_bytes = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    added_count = models.BigIntegerField("newly suppressed", default=0)
    rejected_count = models.BigIntegerField("rejected lines", default=0)
    rejects_path = models.CharField(max_length=1000, blank=True, default="", editable=False)
    error = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import of suppressions"
        verbose_name_plural = "imports of suppressions"

    def __str__(self) -> str:
        return self.file_name

    @property
    def known_count(self) -> int:
        """Lines about something that was suppressed before, or stood in the file twice."""
        return max(0, self.lines - self.rejected_count - self.added_count)
