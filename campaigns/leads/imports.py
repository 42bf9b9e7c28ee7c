"""Imports as people see them: made from an upload, run by whoever comes first, cancelled, and picked up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.base import File
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from campaigns import enqueue, failpoints, file_imports, mail_domains
from campaigns.leads import sql, uploads
from campaigns.leads.errors import ImportCancelled
from campaigns.leads.merging import Merged, merge, settle_indexes
from campaigns.leads.plan import FilePlan, inspect_file, plan_source
from campaigns.leads.source import open_source
from campaigns.leads.staging import Progress, Staged, stage
from campaigns.models import LeadImport, MailingList

State = LeadImport.State


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

    def register(path: Path) -> LeadImport:
        inspect_file(path, mapping=mapping)
        return register_import(path=path, name=name, mailing_list=mailing_list, mapping=mapping, user=user)

    return file_imports.create(file, register=register, wake=enqueue.import_leads)


def register_import(
    *,
    path: Path,
    name: str,
    mailing_list: MailingList | None = None,
    mapping: Mapping[str, str] | None = None,
    user: Any = None,
) -> LeadImport:
    """A row for the file at `path`, to be run by the caller with `run_import`."""
    of_file = file_imports.fields_of(path, name=name, user=user)
    return LeadImport.objects.create(mailing_list=mailing_list, mapping=dict(mapping or {}), **of_file)


def cancel_import(import_id: int) -> bool:
    """Cancel an import that is not done: nothing of it reaches the leads. False when it was over already."""
    return file_imports.cancel(LeadImport, import_id)


def run_import(import_id: int, *, on_progress: Callable[[Progress], None] | None = None) -> LeadImport:
    """Run an import to its end and return its row; see `file_imports.run`.

    Safe at any moment and any number of times: the staging table belongs to this session and is made anew, and leads
    change in one transaction that also sets the state to done. Where a runner dies, everything of it is gone, and the
    next one begins from the file.
    """
    begin = {"state": State.STAGING}
    work = partial(_stage_and_merge, on_progress=on_progress or _ignore)
    return file_imports.run(LeadImport, import_id, lock=sql.IMPORT_LOCK, begin=begin, work=work)


def requeue_stranded() -> int:
    """Queue imports that stand still; how many. See `file_imports.requeue_stranded`."""
    return file_imports.requeue_stranded(LeadImport, enqueue.import_leads)


def _stage_and_merge(row: LeadImport, on_progress: Callable[[Progress], None]) -> None:
    try:
        staged = _stage(row, on_progress)
        on_progress(_merging(staged.progress))
        _merge(row, staged)
    finally:
        # a lost connection has given it up already
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(sql.DROP_STAGING)


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


def _merging(progress: Progress) -> Progress:
    return Progress("merging", progress.done_bytes, progress.size_bytes, progress.lines, progress.rejected)


def _ignore(_: Progress) -> None:
    return
