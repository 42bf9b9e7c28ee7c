"""Looking at a file before it is imported: its dialect, its columns and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaigns.addresses import AddressInvalid
from campaigns.leads import dialect
from campaigns.leads.columns import Column, plan_columns
from campaigns.leads.dialect import Dialect
from campaigns.leads.errors import FileRefused
from campaigns.leads.quick import AddressReader
from campaigns.leads.records import Records
from campaigns.leads.source import SAMPLE_BYTES, Source, open_source

# settings of the reader, kept beside the columns in LeadImport.mapping; no column name begins so
ENCODING_KEY = "#encoding"
DELIMITER_KEY = "#delimiter"
SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What an import of this file will do. rows: the first few, for people; headers: empty without a header line."""

    dialect: Dialect
    has_header: bool
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def headers(self) -> list[str]:
        return [column.header for column in self.columns]


def inspect_file(path: str | Path, *, mapping: Mapping[str, str] | None = None) -> FilePlan:
    """The plan for the file at `path`, from its beginning alone.

    mapping: column name or number to field, with "#encoding" and "#delimiter" where they are given.
    Raises FileRefused, whose message names the cure.
    """
    with open_source(path) as source:
        return plan_source(source, mapping or {})


def plan_source(source: Source, mapping: Mapping[str, str]) -> FilePlan:
    """As inspect_file, for a file that is open; it is at its beginning again afterwards."""
    raw = source.sample()
    given = dict(mapping)
    encoding, delimiter = given.pop(ENCODING_KEY, ""), given.pop(DELIMITER_KEY, "")
    sample = dialect.examine(raw, encoding=encoding, delimiter=delimiter, complete=len(raw) < SAMPLE_BYTES)
    if not sample.rows:
        raise FileRefused("The file has no line that can be read. Export the leads again as CSV UTF-8.")
    has_header = not _holds_address(sample.rows[0])
    headers = [header.strip() for header in sample.rows[0]] if has_header else [""] * len(sample.rows[0])
    rows = sample.rows[1:] if has_header else sample.rows
    columns = plan_columns(headers, rows, given)
    if not rows and len(raw) < SAMPLE_BYTES:
        raise FileRefused("The file has a header line and no lead below it. Export the leads again.")
    return FilePlan(sample.dialect, has_header, columns, rows[:SHOWN_ROWS])


@contextmanager
def open_records(source: Source, plan: FilePlan) -> Iterator[Records]:
    """The records below the header."""
    records = Records(source.stream, plan.dialect)
    if plan.has_header:
        records.header()
    records.width = len(plan.columns)
    try:
        yield records
    finally:
        records.detach()


def _holds_address(row: Sequence[str]) -> bool:
    """A first line with an address in it is a lead and no header."""
    reader = AddressReader()
    for cell in row:
        if "@" in cell:
            try:
                reader.read(cell)
            except AddressInvalid:
                continue
            return True
    return False
