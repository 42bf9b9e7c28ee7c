"""Batches of rows into a file: Parquet, CSV or lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

FORMATS = ("parquet", "csv", "ndjson")
# small against the rows of a day, large enough for readers to skip by
COMPRESSION = "zstd"


class Writer(Protocol):
    """A file in the making. Closed when its context ends."""

    def __enter__(self) -> Writer: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object: ...
    def write_batch(self, batch: pa.RecordBatch) -> object: ...


class LineWriter:
    """One JSON object a row; times as ISO 8601."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> LineWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write_batch(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"not JSON: {value!r}")


OPENERS: dict[str, Callable[[Path, pa.Schema], Writer]] = {
    "parquet": lambda path, schema: pa.parquet.ParquetWriter(path, schema, compression=COMPRESSION),
    "csv": lambda path, schema: pa.csv.CSVWriter(path, schema),
    "ndjson": lambda path, _schema: LineWriter(path),
}


def open_writer(file_format: str, path: Path, schema: pa.Schema) -> Writer:
    """A new file of this format, one of FORMATS."""
    return OPENERS[file_format](path, schema)
