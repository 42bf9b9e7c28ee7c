"""A day of a table into a file: COPY out of PostgreSQL, through pyarrow, in blocks of some megabytes.

Each day is read in one read-only transaction of the reporting database, written beside its place and renamed into it:
a file that has its name is whole.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
from django.db import connections

from tracking.reports import database
from tracking.warehouse.manifest import Manifest, Part
from tracking.warehouse.tables import GROUPS, Table
from tracking.warehouse.writers import open_writer

# of text that is read at a time: some 40,000 rows of the ledger, one row group of a Parquet file
BLOCK_BYTES = 4 * 1024 * 1024
# a day of the ledger is read in one statement
DAY_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """first and last: days in UTC, both included. tables: keys of GROUPS."""

    folder: Path
    first: dt.date
    last: dt.date
    file_format: str = "parquet"
    tables: Sequence[str] = tuple(GROUPS)
    force: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """One day of one table. is_new: written now, not found finished."""

    table: str
    day: dt.date
    rows: int
    is_new: bool


def export(wanted: Wanted, now: dt.datetime) -> Iterator[Exported]:
    """Write what is not finished yet, day by day; what was done, as it is done.

    Broken off at any moment, the next call goes on. Raises ReportTooSlow, OSError, and what a lost server raises.
    """
    wanted.folder.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(wanted.folder)
    for day in _days(wanted.first, wanted.last):
        for table in (table for name in wanted.tables for table in GROUPS[name]):
            key = f"{table.name}/date={day.isoformat()}"
            if manifest.has(key, wanted.file_format) and not wanted.force:
                yield Exported(table.name, day, manifest.parts[key].rows, is_new=False)
                continue
            part = _export_day(table, day, key, wanted, now)
            manifest.add(key, part)
            yield Exported(table.name, day, part.rows, is_new=True)


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    while first <= last:
        yield first
        first += dt.timedelta(days=1)


def _export_day(table: Table, day: dt.date, key: str, wanted: Wanted, now: dt.datetime) -> Part:
    place = wanted.folder / key / f"part-0.{wanted.file_format}"
    since = dt.datetime.combine(day, dt.time(), dt.UTC)
    until = since + dt.timedelta(days=1)
    with database.reading(DAY_TIMEOUT_SECONDS) as using, connections[using].cursor() as cursor:
        copy = cursor.copy(table.statement, {"since": since, "until": until})
        with copy as blocks:
            rows = _write(table, blocks, place, wanted.file_format)
    _remove_others(place, rows)
    return Part(
        format=wanted.file_format,
        rows=rows,
        file=f"{key}/{place.name}" if rows else "",
        is_final=until <= now,
        exported_at=now.isoformat(timespec="seconds"),
    )


def _write(table: Table, blocks: Iterable[Any], place: Path, file_format: str) -> int:
    """Rows written; without any there is no file."""
    source = io.BufferedReader(Blocks(blocks), BLOCK_BYTES)
    if not source.peek(1):
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    waiting = place.with_suffix(f"{place.suffix}.tmp")
    rows = 0
    with open_writer(file_format, waiting, table.schema) as writer:
        for batch in _batches(table, source):
            writer.write_batch(batch)
            rows += batch.num_rows
    waiting.replace(place)
    return rows


def _batches(table: Table, source: Any) -> Iterable[pa.RecordBatch]:
    """PostgreSQL writes NULL as nothing and an empty text as two quotes."""
    return pa.csv.open_csv(
        source,
        read_options=pa.csv.ReadOptions(column_names=table.schema.names, block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=table.schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _remove_others(place: Path, rows: int) -> None:
    """A day that was written in another format before, or that has no rows any more."""
    for other in place.parent.glob("part-0.*"):
        if other != place or not rows:
            other.unlink()


class Blocks(io.RawIOBase):
    """What COPY sends, as a file."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
