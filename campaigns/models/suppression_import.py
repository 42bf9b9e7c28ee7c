"""One uploaded file of addresses, hashes or domains that are not to be mailed."""

from __future__ import annotations

from django.db import models

from campaigns.models.file_import import FileImport
from campaigns.models.suppression import Suppression


class SuppressionImport(FileImport):
    """See FileImport.

    reason: for lines that name none. hash_only: addresses are not stored, only their hashes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Reading the file"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    reason = models.CharField(
        max_length=16, choices=Suppression.Reason.choices, default=Suppression.Reason.IMPORTED,
        help_text="For lines that name none themselves.",
    )  # fmt: skip
    hash_only = models.BooleanField(
        "store hashes only", default=False, help_text="For lists whose addresses may not be stored."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    added_count = models.BigIntegerField("newly suppressed", default=0)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import of suppressions"
        verbose_name_plural = "imports of suppressions"

    @property
    def known_count(self) -> int:
        """Lines about something that was suppressed before, or stood in the file twice."""
        return max(0, self.lines - self.rejected_count - self.added_count)
