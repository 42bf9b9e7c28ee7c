"""One uploaded file of leads, from staging to merged."""

from __future__ import annotations

from django.db import models

from campaigns.models.file_import import FileImport
from campaigns.models.lead import MailingList


class LeadImport(FileImport):
    """See FileImport."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        STAGING = "staging", "Reading the file"
        MERGING = "merging", "Merging"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    mailing_list = models.ForeignKey(
        MailingList, null=True, blank=True, on_delete=models.SET_NULL, verbose_name="add to list"
    )
    mapping = models.JSONField(default=dict, blank=True, help_text="Column to field; guessed where empty.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_count = models.BigIntegerField("new leads", default=0)
    updated_count = models.BigIntegerField("updated leads", default=0)
    repeated_count = models.BigIntegerField("repeated lines", default=0)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"
