"""Celery tasks of campaigns: ids in, one service call."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from campaigns import enqueue, mail_domains
from campaigns.api import idempotency
from campaigns.infrastructure import RETRIED
from campaigns.leads import imports, uploads
from campaigns.suppression import imports as suppression_imports


@shared_task(name="campaigns.import_leads", **RETRIED)
def import_leads(import_id: int) -> None:
    """Run one import. Twice at once is harmless: an advisory lock sends the second runner away, and one that comes
    later finds the import done. A worker that dies leaves no trace, and `requeue_imports` asks again."""
    imports.run_import(import_id)


@shared_task(name="campaigns.requeue_imports", **RETRIED)
def requeue_imports() -> None:
    """Queue imports whose runner died, and forget old files. Twice is harmless: see `import_leads`."""
    imports.requeue_stranded()
    suppression_imports.requeue_stranded()
    uploads.discard_old_files()


@shared_task(name="campaigns.import_suppressions", **RETRIED)
def import_suppressions(import_id: int) -> None:
    """Run one import of suppressions. Twice at once is harmless, as for `import_leads`: what is suppressed already
    changes nothing."""
    suppression_imports.run_import(import_id)


@shared_task(name="campaigns.resolve_mail_domains", **RETRIED)
def resolve_mail_domains() -> int:
    """Find the mailbox groups of new domains; where many wait, the next run follows at once.

    Twice at once is harmless: an advisory lock sends the second runner away.
    """
    if not settings.MX_LOOKUPS:
        return 0
    asked = mail_domains.resolve_due()
    if asked == mail_domains.DOMAINS_A_RUN:
        enqueue.resolve_mail_domains()
    return asked


@shared_task(name="campaigns.prune_idempotency", **RETRIED)
def prune_idempotency() -> int:
    """Forget the answers to requests of the API that are older than a day. Twice at once deletes them once."""
    return idempotency.prune()
