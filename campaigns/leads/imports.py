"""Imports as people see them: made from an upload, run by whoever comes first, cancelled, and picked up again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.base import File
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from campaigns import enqueue, failpoints, mail_domains
from campaigns.leads import sql, uploads
from campaigns.leads.errors import FileRefused, ImportCancelled
from campaigns.leads.merging import Merged, merge, settle_indexes
from campaigns.leads.plan import FilePlan, inspect_file, plan_source
from campaigns.leads.source import open_source
from campaigns.leads.staging import Progress, Staged, stage
from campaigns.models import LeadImport, MailingList

logger = logging.getLogger(__name__)

STRANDED_SECONDS = 60
# an import that brings its worker down every time must not do so for ever
GIVE_UP_HOURS = 24

State = LeadImport.State
OPEN = (State.WAITING, State.STAGING, State.MERGING)


def create_import(
    *,
    file: File[bytes] | BinaryIO,
    name: str,
    mailing_list: MailingList | None = None,
    mapping: Mapping[str, str] | None = None,
    user: Any = None,
) -> LeadImport:
    """Keep an upload, look at its beginning, and queue its import once the transaction commits.

    mapping: column name or number to field ("email", "attributes.city", "ignore", …); the others are guessed.
    Raises FileRefused (also MappingInvalid) with the cure, when the file can be seen to be useless right away.
    """
    path = uploads.store(file)
    try:
        inspect_file(path, mapping=mapping)
        created = register_import(path=path, name=name, mailing_list=mailing_list, mapping=mapping, user=user)
    except BaseException:
        uploads.discard(path)
        raise
    enqueue.import_leads(created.pk)
    return created


def register_import(
    *,
    path: Path,
    name: str,
    mailing_list: MailingList | None = None,
    mapping: Mapping[str, str] | None = None,
    user: Any = None,
) -> LeadImport:
    """A row for the file at `path`, to be run by the caller with `run_import`."""
    return LeadImport.objects.create(
        file_name=Path(name).name[:255],
        file_path=str(path.resolve()),
        mailing_list=mailing_list,
        mapping=dict(mapping or {}),
        size_bytes=path.stat().st_size,
        created_by=user,
    )


def cancel_import(import_id: int) -> bool:
    """Cancel an import that is not done: nothing of it reaches the leads. False when it was over already."""
    return bool(
        LeadImport.objects.filter(pk=import_id, state__in=OPEN).update(state=State.CANCELLED, finished_at=Now())
    )


def run_import(import_id: int, *, on_progress: Callable[[Progress], None] | None = None) -> LeadImport:
    """Run an import to its end and return its row; the outcome stands in `state`, `error` and the counts.

    Safe at any moment and any number of times: an advisory lock lets one runner in and the others return at once,
    the staging table belongs to this session and is made anew, and leads change in one transaction that also sets
    the state to done. Where a runner dies, everything of it is gone, and the next one begins from the file.
    Raises django.db.OperationalError when the database goes away; the import is picked up again later.
    """
    with _only_runner(import_id) as alone:
        if alone and _begin(import_id):
            _run(import_id, on_progress or _ignore)
    row = LeadImport.objects.get(pk=import_id)
    if row.state not in OPEN:
        uploads.discard(row.file_path)
    return row


def requeue_stranded() -> int:
    """Queue imports that nobody has worked on for STRANDED_SECONDS; how many.

    A merge that simply takes long looks stranded too: its lock sends the second runner away.
    """
    silent = Q(heartbeat_at__lt=Now() - timedelta(seconds=STRANDED_SECONDS)) | Q(
        heartbeat_at__isnull=True, created_at__lt=Now() - timedelta(seconds=STRANDED_SECONDS)
    )
    hopeless = LeadImport.objects.filter(silent, state__in=OPEN, started_at__lt=Now() - timedelta(hours=GIVE_UP_HOURS))
    hopeless.update(
        state=State.FAILED,
        finished_at=Now(),
        error=f"The import did not end within {GIVE_UP_HOURS} hours. Split the file and import the parts.",
    )
    stranded = list(LeadImport.objects.filter(silent, state__in=OPEN).values_list("pk", flat=True))
    # the mark keeps the next round, a few seconds from now, from queueing them again
    LeadImport.objects.filter(pk__in=stranded).update(heartbeat_at=Now())
    for import_id in stranded:
        logger.warning("import %s stood still; queued again", import_id)
        enqueue.import_leads(import_id)
    return len(stranded)


@contextlib.contextmanager
def _only_runner(import_id: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute(sql.TRY_LOCK, [import_id])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        # a lost connection has given up both already
        if alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(sql.DROP_STAGING)
                cursor.execute(sql.UNLOCK, [import_id])


def _begin(import_id: int) -> bool:
    return bool(
        LeadImport.objects.filter(pk=import_id, state__in=OPEN).update(
            state=State.STAGING,
            started_at=Coalesce(F("started_at"), Now()),
            heartbeat_at=Now(),
            done_bytes=0,
            lines=0,
            rejected_count=0,
            error="",
        )
    )


def _run(import_id: int, on_progress: Callable[[Progress], None]) -> None:
    row = LeadImport.objects.get(pk=import_id)
    try:
        staged = _stage(row, on_progress)
        on_progress(_merging(staged.progress))
        _merge(row, staged)
    except ImportCancelled:
        logger.info("import %s was cancelled", row.pk)
    except FileRefused as error:
        _fail(row, str(error))
    except (OperationalError, InterfaceError):
        # not the file's fault: the row stays as it is, and requeue_stranded finds it
        raise
    except (DatabaseError, OSError) as error:
        logger.exception("import %s failed", row.pk)
        _fail(row, f"The import failed: {error}")


def _stage(row: LeadImport, on_progress: Callable[[Progress], None]) -> Staged:
    def tick(progress: Progress) -> None:
        written = LeadImport.objects.filter(pk=row.pk, state=State.STAGING).update(
            done_bytes=progress.done_bytes,
            lines=progress.lines,
            rejected_count=progress.rejected,
            heartbeat_at=Now(),
        )
        if not written:
            raise ImportCancelled
        on_progress(progress)

    rejects_path = Path(row.rejects_path) if row.rejects_path else uploads.new_path("-rejects.csv")
    with open_source(row.file_path) as source:
        plan: FilePlan = plan_source(source, row.mapping)
        return stage(source, plan, rejects_path, tick)


def _merge(row: LeadImport, staged: Staged) -> None:
    path = str(staged.rejects_path or "")
    begun = LeadImport.objects.filter(pk=row.pk, state=State.STAGING)
    if not begun.update(state=State.MERGING, heartbeat_at=Now(), rejects_path=path):
        raise ImportCancelled
    since = timezone.now()
    with transaction.atomic():
        merged: Merged = merge(staged, mailing_list_id=row.mailing_list_id)
        done = LeadImport.objects.filter(pk=row.pk, state=State.MERGING).update(
            state=State.DONE,
            finished_at=Now(),
            heartbeat_at=Now(),
            created_count=merged.created,
            updated_count=merged.updated,
            repeated_count=merged.repeated,
        )
        if not done:
            # cancelled in the meantime: raising takes the merge back
            raise ImportCancelled
        failpoints.hit("import_merge")
    settle_indexes()
    mail_domains.note_staged(since)


def _fail(row: LeadImport, message: str) -> None:
    LeadImport.objects.filter(pk=row.pk, state__in=OPEN).update(state=State.FAILED, error=message, finished_at=Now())


def _merging(progress: Progress) -> Progress:
    return Progress("merging", progress.done_bytes, progress.size_bytes, progress.lines, progress.rejected)


def _ignore(_: Progress) -> None:
    return
