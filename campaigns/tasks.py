"""Celery tasks of campaigns: ids in, one service call."""

from __future__ import annotations

from celery import shared_task

from campaigns.infrastructure import RETRIED
from campaigns.leads import imports, uploads


@shared_task(name="campaigns.import_leads", **RETRIED)
def import_leads(import_id: int) -> None:
    """Run one import. Twice at once is harmless: an advisory lock sends the second runner away, and one that comes
    later finds the import done. A worker that dies leaves no trace, and `requeue_imports` asks again."""
    imports.run_import(import_id)


@shared_task(name="campaigns.requeue_imports", **RETRIED)
def requeue_imports() -> None:
    """Queue imports whose runner died, and forget old files. Twice is harmless: see `import_leads`."""
    imports.requeue_stranded()
    uploads.discard_old_files()
