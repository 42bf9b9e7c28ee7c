"""One uploaded file of leads, from staging to merged."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from campaigns.models.lead import MailingList


class LeadImport(models.Model):
    """Progress and result of one import. Counts are lines of the file, the header left out."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        STAGING = "staging", "Reading the file"
        MERGING = "merging", "Merging"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=1000, editable=False)
    mailing_list = models.ForeignKey(
        MailingList, null=True, blank=True, on_delete=models.SET_NULL, verbose_name="add to list"
    )
    mapping = models.JSONField(default=dict, blank=True, help_text="Column to field; guessed where empty.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    size_bytes = models.BigIntegerField(default=0)
    done_bytes = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
    created_count = models.BigIntegerField("new leads", default=0)
    updated_count = models.BigIntegerField("updated leads", default=0)
    repeated_count = models.BigIntegerField("repeated lines", default=0)
    rejected_count = models.BigIntegerField("rejected lines", default=0)
    rejects_path = models.CharField(max_length=1000, blank=True, default="", editable=False)
    error = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return self.file_name
