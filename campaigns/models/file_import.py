"""What all imports of files have in common."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class FileImport(models.Model):
    """Progress and result of one import. Counts are lines of the file, the header left out.

    Each kind has a `state` of its own: "waiting", what it does, and one of OVER. started_at: of the first run.
    """

    OVER = ("done", "failed", "cancelled")
    state: models.CharField[Any, Any]

    file_name = models.CharField(max_length=255)
    file_path = models.CharField(max_length=1000, editable=False)
    size_bytes = models.BigIntegerField(default=0)
    done_bytes = models.BigIntegerField(default=0)
    lines = models.BigIntegerField(default=0)
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
        abstract = True

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_over(self) -> bool:
        return self.state in self.OVER
