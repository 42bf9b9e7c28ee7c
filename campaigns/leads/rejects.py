"""The downloadable file of lines that were not imported, and of values that were left out.

It can be corrected and imported again as it is: its own three columns are passed over then.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from campaigns.leads.columns import REJECT_HEADERS
from campaigns.leads.guard import guard
from campaigns.leads.records import KEPT_CHARACTERS


class RejectsFile:
    """Written line by line; the file appears with the first line. Use as a context manager."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.path = path
        self.rejected = 0
        self.warnings = 0
        self._headers = headers
        self._file: TextIO | None = None
        self._writer: Any = None

    def __enter__(self) -> RejectsFile:
        # what an interrupted run wrote is written again
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    @property
    def exists(self) -> bool:
        return self._file is not None

    def reject(self, number: int, reason: str, fields: Sequence[str]) -> None:
        """One line that was not imported. number: its place in the file, counted from 1 with the header."""
        self.rejected += 1
        self._write(number, "rejected", reason, fields)

    def warn(self, number: int, reason: str, fields: Sequence[str]) -> None:
        """One value that was left out of a line that was imported."""
        self.warnings += 1
        self._write(number, "imported, but", reason, fields)

    def _write(self, number: int, result: str, reason: str, fields: Sequence[str]) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # with a byte order mark: spreadsheets take it for the wrong encoding otherwise
            self._file = self.path.open("w", encoding="utf-8-sig", errors="replace", newline="")
            self._writer = csv.writer(self._file)
            named = [header or f"column {index}" for index, header in enumerate(self._headers, start=1)]
            self._writer.writerow([*REJECT_HEADERS, *map(guard, named)])
        cells = [guard(field[:KEPT_CHARACTERS].replace("\0", "")) for field in fields]
        self._writer.writerow([number, result, reason, *cells])
