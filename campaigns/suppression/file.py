"""A file of suppressions: which column names what is suppressed, and which one says why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaigns.leads import dialect
from campaigns.leads.columns import REJECT_HEADERS
from campaigns.leads.dialect import Dialect
from campaigns.leads.errors import FileRefused
from campaigns.leads.headers import FIELD_BY_HEADER, fold
from campaigns.leads.records import Records
from campaigns.leads.source import SAMPLE_BYTES, Source, open_source
from campaigns.suppression.values import Reason, ValueReader, ValueUnclear, reason_of

_VALUE_HEADERS = {
    fold(name)
    for name in ("value", "address or domain", "hash", "sha256", "email hash", "hashed email", "domain", "recipient")
}
_REASON_HEADERS = {fold(name) for name in ("reason", "type", "suppression reason", "suppression type", "cause")}


@dataclass(frozen=True, slots=True)
class Layout:
    """value_at, reason_at: numbers of columns from 0; reason_at is None where no column says why."""

    dialect: Dialect
    headers: tuple[str, ...]
    width: int
    value_at: int
    reason_at: int | None

    @property
    def has_header(self) -> bool:
        return any(self.headers)


def inspect(path: Path) -> Layout:
    """How the file at `path` is laid out. Raises FileRefused with the cure."""
    with open_source(path) as source:
        return layout_of(source)


def layout_of(source: Source) -> Layout:
    """As `inspect`, for an open file; it is at its beginning again afterwards."""
    raw = source.sample()
    sample = dialect.examine(raw, complete=len(raw) < SAMPLE_BYTES)
    if not sample.rows:
        raise FileRefused("The file has no line that can be read. Export the list again as CSV UTF-8.")
    first = sample.rows[0]
    has_header = not any(_is_value(cell) for cell in first)
    headers = tuple(cell.strip() for cell in first) if has_header else ("",) * len(first)
    rows = sample.rows[1:] if has_header else sample.rows
    value_at = _best(rows, len(first), headers)
    return Layout(sample.dialect, headers, len(first), value_at, _reason_column(rows, headers, value_at))


@contextmanager
def open_records(source: Source, layout: Layout) -> Iterator[Records]:
    """The records below the header."""
    records = Records(source.stream, layout.dialect)
    if layout.has_header:
        records.header()
    records.width = layout.width
    try:
        yield records
    finally:
        records.detach()


def _is_value(cell: str) -> bool:
    try:
        ValueReader().read(cell, Reason.IMPORTED)
    except ValueUnclear:
        return False
    return True


def _best(rows: Sequence[Sequence[str]], width: int, headers: Sequence[str]) -> int:
    """The column with the most values in it; of equals the one whose name says so, then the first."""
    scores = [sum(_is_value(row[at]) for row in rows if at < len(row)) for at in range(width)]
    known = [fold(header) in _VALUE_HEADERS or FIELD_BY_HEADER.get(fold(header)) == "email" for header in headers]
    best = max(range(width), key=lambda at: (scores[at], known[at], -at))
    if not scores[best] and not any(known):
        raise FileRefused(
            "No column has addresses, SHA-256 hashes or domains in it. One of them must stand on each line."
        )
    return best if scores[best] else known.index(True)


def _reason_column(rows: Sequence[Sequence[str]], headers: Sequence[str], value_at: int) -> int | None:
    # a file of rejected lines that was corrected has three columns of ours before its own
    ours = len(REJECT_HEADERS) if tuple(headers[: len(REJECT_HEADERS)]) == REJECT_HEADERS else 0
    for at, header in enumerate(headers[ours:], start=ours):
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        says_why = sum(bool(reason_of(cell)) for cell in cells) * 2 >= len(cells) > 0
        if at != value_at and (says_why or (cells and fold(header) in _REASON_HEADERS)):
            return at
    return None
