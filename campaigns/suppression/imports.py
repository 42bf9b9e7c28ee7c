"""Files of suppressions, read into the list piece by piece by whoever comes first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.base import File
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns import enqueue, failpoints, file_imports
from campaigns.leads import uploads
from campaigns.leads.errors import ImportCancelled
from campaigns.leads.records import BadLine, Record
from campaigns.leads.rejects import RejectsFile
from campaigns.leads.source import open_source
from campaigns.models import SuppressionImport
from campaigns.suppression import file as files
from campaigns.suppression import sql
from campaigns.suppression.add import Entry, add
from campaigns.suppression.values import Reason, ValueReader, ValueUnclear, reason_of

# lines of one transaction: 20 ms of it
PIECE_LINES = 1_000
State = SuppressionImport.State
Progress = Callable[[SuppressionImport], None]


def create_import(
    *, file: File[bytes] | BinaryIO, name: str, reason: str = Reason.IMPORTED, hash_only: bool = False, user: Any = None
) -> SuppressionImport:
    """Keep an upload, look at its beginning, and queue its import once the transaction commits.

    Raises FileRefused with the cure, when the file can be seen to be useless right away.
    """

    def register(path: Path) -> SuppressionImport:
        files.inspect(path)
        return register_import(path=path, name=name, reason=reason, hash_only=hash_only, user=user)

    return file_imports.create(file, register=register, wake=enqueue.import_suppressions)


def register_import(*, path: Path, name: str, reason: str, hash_only: bool, user: Any = None) -> SuppressionImport:
    """A row for the file at `path`, to be run by the caller with `run_import`."""
    of_file = file_imports.fields_of(path, name=name, user=user)
    return SuppressionImport.objects.create(reason=reason, hash_only=hash_only, **of_file)


def cancel_import(import_id: int) -> bool:
    """Stop an import; what it has suppressed by then stays suppressed. False when it was over already."""
    return file_imports.cancel(SuppressionImport, import_id)


def run_import(import_id: int, *, on_progress: Progress | None = None) -> SuppressionImport:
    """Run an import to its end and return its row; see `file_imports.run`.

    Safe at any moment and any number of times: a runner that dies leaves pieces that are committed; the next one reads
    the file from its start, and what is suppressed already changes nothing.
    """
    # what an earlier runner has added stays counted: for this one it is known already
    begin = {"state": State.RUNNING}
    work = partial(_read, on_progress=on_progress or _ignore)
    return file_imports.run(SuppressionImport, import_id, lock=sql.IMPORT_LOCK, begin=begin, work=work)


def requeue_stranded() -> int:
    """Queue imports that stand still; how many. See `file_imports.requeue_stranded`."""
    return file_imports.requeue_stranded(SuppressionImport, enqueue.import_suppressions)


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


def _ignore(_: SuppressionImport) -> None:
    return
