"""Files of suppressions, read into the list piece by piece by whoever comes first."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.base import File
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from campaigns import enqueue, failpoints
from campaigns.leads import uploads
from campaigns.leads.errors import FileRefused, ImportCancelled
from campaigns.leads.records import BadLine, Record
from campaigns.leads.rejects import RejectsFile
from campaigns.leads.source import open_source
from campaigns.models import SuppressionImport
from campaigns.suppression import file as files
from campaigns.suppression import sql
from campaigns.suppression.add import Entry, add
from campaigns.suppression.values import Reason, ValueReader, ValueUnclear, reason_of

logger = logging.getLogger(__name__)

# lines of one transaction: 20 ms of it
PIECE_LINES = 1_000
STRANDED_SECONDS = 60
State = SuppressionImport.State
OPEN = (State.WAITING, State.RUNNING)
Progress = Callable[[SuppressionImport], None]


def create_import(
    *, file: File[bytes] | BinaryIO, name: str, reason: str = Reason.IMPORTED, hash_only: bool = False, user: Any = None
) -> SuppressionImport:
    """Keep an upload, look at its beginning, and queue its import once the transaction commits.

    Raises FileRefused with the cure, when the file can be seen to be useless right away.
    """
    path = uploads.store(file)
    try:
        files.inspect(path)
        row = register_import(path=path, name=name, reason=reason, hash_only=hash_only, user=user)
    except BaseException:
        uploads.discard(path)
        raise
    enqueue.import_suppressions(row.pk)
    return row


def register_import(*, path: Path, name: str, reason: str, hash_only: bool, user: Any = None) -> SuppressionImport:
    """A row for the file at `path`, to be run by the caller with `run_import`."""
    return SuppressionImport.objects.create(
        file_name=Path(name).name[:255],
        file_path=str(path.resolve()),
        reason=reason,
        hash_only=hash_only,
        size_bytes=path.stat().st_size,
        created_by=user,
    )


def cancel_import(import_id: int) -> bool:
    """Stop an import; what it has suppressed by then stays suppressed. False when it was over already."""
    open_rows = SuppressionImport.objects.filter(pk=import_id, state__in=OPEN)
    return bool(open_rows.update(state=State.CANCELLED, finished_at=Now()))


def run_import(import_id: int, *, on_progress: Progress | None = None) -> SuppressionImport:
    """Run an import to its end and return its row; the outcome stands in `state`, `error` and the counts.

    Safe at any moment and any number of times: a lock lets one runner in. A runner that dies leaves pieces that are
    committed; the next one reads the file from its start, and what is suppressed already changes nothing.
    Raises django.db.OperationalError when the database goes away; the import is picked up again later.
    """
    with _only_runner(import_id) as alone:
        if alone and _begin(import_id):
            _run(import_id, on_progress or _ignore)
    row = SuppressionImport.objects.get(pk=import_id)
    if row.state not in OPEN:
        uploads.discard(row.file_path)
    return row


def requeue_stranded() -> int:
    """Queue imports that nobody has worked on for STRANDED_SECONDS; how many."""
    limit = Now() - timedelta(seconds=STRANDED_SECONDS)
    silent = Q(heartbeat_at__lt=limit) | Q(heartbeat_at__isnull=True, created_at__lt=limit)
    stranded = list(SuppressionImport.objects.filter(silent, state__in=OPEN).values_list("pk", flat=True))
    SuppressionImport.objects.filter(pk__in=stranded).update(heartbeat_at=Now())
    for import_id in stranded:
        enqueue.import_suppressions(import_id)
    return len(stranded)


@contextlib.contextmanager
def _only_runner(import_id: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute(sql.TRY_LOCK, [import_id])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        # a lost connection has given it up already
        if alone and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(sql.UNLOCK, [import_id])


def _begin(import_id: int) -> bool:
    # what an earlier runner has added stays counted: for this one it is known already
    rows = SuppressionImport.objects.filter(pk=import_id, state__in=OPEN)
    return bool(rows.update(state=State.RUNNING, heartbeat_at=Now(), done_bytes=0, lines=0, rejected_count=0, error=""))


def _run(import_id: int, on_progress: Progress) -> None:
    row = SuppressionImport.objects.get(pk=import_id)
    try:
        _read(row, on_progress)
    except ImportCancelled:
        logger.info("import of suppressions %s was cancelled", row.pk)
    except FileRefused as error:
        _fail(row, str(error))
    except (OperationalError, InterfaceError):
        # not the file's fault: the row stays as it is, and requeue_stranded finds it
        raise
    except (DatabaseError, OSError) as error:
        logger.exception("import of suppressions %s failed", row.pk)
        _fail(row, f"The import failed: {error}")


def _read(row: SuppressionImport, on_progress: Progress) -> None:
    path = Path(row.rejects_path) if row.rejects_path else uploads.new_path("-rejects.csv")
    SuppressionImport.objects.filter(pk=row.pk).update(rejects_path=str(path))
    row.rejects_path = str(path)
    with open_source(row.file_path) as source:
        layout = files.layout_of(source)
        reader = _LineReader(row, layout)
        with RejectsFile(path, layout.headers) as rejects, files.open_records(source, layout) as records:
            numbered = iter(records)
            while piece := list(itertools.islice(numbered, PIECE_LINES)):
                entries = reader.entries(piece, rejects)
                row.lines += len(piece)
                row.done_bytes, row.rejected_count = source.position, rejects.rejected
                _write(row, entries)
                failpoints.hit("suppression_import")
                on_progress(row)
    done = SuppressionImport.objects.filter(pk=row.pk, state=State.RUNNING)
    done.update(state=State.DONE, finished_at=Now(), done_bytes=row.size_bytes)


def _write(row: SuppressionImport, entries: Sequence[Entry]) -> None:
    """One piece and its progress, together."""
    with transaction.atomic():
        added = add(entries, source=f"import {row.pk}: {row.file_name}")
        running = SuppressionImport.objects.filter(pk=row.pk, state=State.RUNNING)
        written = running.update(
            lines=row.lines,
            done_bytes=row.done_bytes,
            rejected_count=row.rejected_count,
            added_count=F("added_count") + added,
            heartbeat_at=Now(),
        )
        if not written:
            raise ImportCancelled


class _LineReader:
    """From records of the file to entries; what is wrong with a line goes to the rejects."""

    def __init__(self, row: SuppressionImport, layout: files.Layout) -> None:
        self._row = row
        self._layout = layout
        self._values = ValueReader()

    def entries(self, piece: Sequence[tuple[int, Record]], rejects: RejectsFile) -> list[Entry]:
        found: list[Entry] = []
        for number, record in piece:
            if isinstance(record, BadLine):
                rejects.reject(number, record.reason, [record.text])
                continue
            try:
                found.append(self._entry(record))
            except ValueUnclear as error:
                rejects.reject(number, str(error), record)
        return found

    def _entry(self, record: Sequence[str]) -> Entry:
        at = self._layout.reason_at
        reason = (reason_of(record[at]) if at is not None else "") or self._row.reason
        return self._values.read(record[self._layout.value_at], reason, hash_only=self._row.hash_only)


def _fail(row: SuppressionImport, message: str) -> None:
    open_rows = SuppressionImport.objects.filter(pk=row.pk, state__in=OPEN)
    open_rows.update(state=State.FAILED, error=message, finished_at=Now())


def _ignore(_: SuppressionImport) -> None:
    return
