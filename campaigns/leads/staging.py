"""The first half of an import: from the file into a staging table of this database session, in constant memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection
from psycopg import sql as composing

from campaigns import failpoints
from campaigns.addresses import AddressInvalid
from campaigns.leads import sql
from campaigns.leads.plan import FilePlan, open_records
from campaigns.leads.records import BadLine, Record, Records
from campaigns.leads.rejects import RejectsFile
from campaigns.leads.rows import RowMaker
from campaigns.leads.source import Source
from campaigns.leads.values import LineRefused

TICK_SECONDS = 0.5
# lines that are handed to COPY at once: the clock is looked at in between
BLOCK_LINES = 500


@dataclass(slots=True)
class Progress:
    """How far an import has come. done_bytes and size_bytes: of the file on disk. lines: without the header."""

    phase: str = "staging"
    done_bytes: int = 0
    size_bytes: int = 0
    lines: int = 0
    rejected: int = 0
    warnings: int = 0


@dataclass(frozen=True, slots=True)
class Staged:
    """What stands in the staging table. attributes: name and kind of a1, a2, …. rejects_path: None without any."""

    columns: Sequence[str]
    attributes: Sequence[tuple[str, str]]
    progress: Progress
    rejects_path: Path | None


Tick = Callable[[Progress], None]


@dataclass(slots=True)
class _Stager:
    records: Records
    maker: RowMaker
    rejects: RejectsFile
    progress: Progress = field(default_factory=Progress)

    def blocks(self) -> Iterator[bytes]:
        """COPY data, BLOCK_LINES records at a time; what is wrong with a record goes to the rejects."""
        records = iter(self.records)
        while block := list(itertools.islice(records, BLOCK_LINES)):
            self.progress.lines += len(block)
            yield (self._together(block) or "".join(self._one_by_one(block))).encode()

    def _together(self, block: Sequence[tuple[int, Record]]) -> str | None:
        numbers, records = zip(*block, strict=True)
        if any(isinstance(record, BadLine) for record in records):
            return None
        return self.maker.block(numbers, records)

    def _one_by_one(self, block: Sequence[tuple[int, Record]]) -> Iterator[str]:
        for number, record in block:
            if isinstance(record, BadLine):
                self.rejects.reject(number, record.reason, [record.text])
                continue
            try:
                yield self.maker.line(number, record)
            except (AddressInvalid, LineRefused) as error:
                self.maker.warnings.clear()
                self.rejects.reject(number, str(error), record)
            for warned in self.maker.warnings:
                self.rejects.warn(number, str(warned), record)
            self.maker.warnings.clear()


def stage(source: Source, plan: FilePlan, rejects_path: Path, tick: Tick) -> Staged:
    """Read the file into the staging table, which is made anew.

    tick: called about every TICK_SECONDS and at the end; what it raises ends the reading.
    Raises FileRefused when the file turns out to be damaged.
    """
    maker = RowMaker(plan.columns)
    columns = maker.staged_columns
    with connection.cursor() as cursor, RejectsFile(rejects_path, plan.headers) as rejects:
        cursor.execute(sql.DROP_STAGING)
        cursor.execute(text_of(sql.create_staging(columns)))
        with open_records(source, plan) as records:
            stager = _Stager(records, maker, rejects, Progress(size_bytes=source.size))
            _copy(cursor, stager, source, text_of(sql.copy_staging(columns)), tick)
        cursor.execute(sql.ANALYZE_STAGING)
        attributes = [(name, values.kind) for name, values in maker.attribute_values.items()]
        return Staged(columns, attributes, stager.progress, rejects.path if rejects.exists else None)


def _copy(cursor: Any, stager: _Stager, source: Source, statement: str, tick: Tick) -> None:
    """COPY in pieces of TICK_SECONDS: between them this one session writes progress and hears of a cancel."""
    blocks, progress, more = stager.blocks(), stager.progress, True
    while more:
        until = time.monotonic() + TICK_SECONDS
        with cursor.copy(statement) as copy:
            while more and time.monotonic() < until:
                block = next(blocks, None)
                more = block is not None
                copy.write(block or b"")
        failpoints.hit("import_staging")
        progress.done_bytes = source.position
        progress.rejected, progress.warnings = stager.rejects.rejected, stager.rejects.warnings
        tick(progress)


def text_of(query: composing.Composable) -> str:
    """The statement as text, for Django's cursor."""
    connection.ensure_connection()
    return query.as_string(connection.connection)
