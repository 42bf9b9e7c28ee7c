"""From records of the file to lines of PostgreSQL's COPY text format: in blocks, or one by one where one is odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.addresses import AddressInvalid
from campaigns.leads import values
from campaigns.leads.columns import ATTRIBUTE, Column
from campaigns.leads.quick import AddressReader

# fields with one column of the file and one of the staging table
_CONVERTERS: dict[str, values.Converter] = {
    "first_name": values.name,
    "last_name": values.name,
    "language": values.language,
    "time_zone": values.time_zone,
    "status": values.status,
    "tags": values.tags,
    "attributes": values.attributes,
}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Warned:
    """A value that was left out of a line that was kept."""

    column: Column
    reason: str

    def __str__(self) -> str:
        return f"{self.column.header or self.column.index + 1}: {self.reason}; the value was left out."


@dataclass(slots=True)
class RowMaker:
    """Checks records and writes them for COPY. An empty cell is written as NULL: it changes nothing later."""

    columns: Sequence[Column]
    warnings: list[Warned] = field(default_factory=list)
    attribute_values: dict[str, values.AttributeValues] = field(default_factory=dict)
    _simple: list[tuple[Column, values.Converter]] = field(default_factory=list)
    _attributes: list[tuple[Column, values.AttributeValues]] = field(default_factory=list)
    _addresses: AddressReader = field(default_factory=AddressReader)
    _email_at: int = 0
    _name: Column | None = None
    _tabs: int = 0

    def __post_init__(self) -> None:
        for column in self.columns:
            if column.field == "email":
                self._email_at = column.index
            elif column.field == "name":
                self._name = column
            elif column.field == ATTRIBUTE:
                watched = self.attribute_values[column.attribute] = values.AttributeValues()
                self._attributes.append((column, watched))
            elif column.field in _CONVERTERS:
                self._simple.append((column, _CONVERTERS[column.field]))
        self._tabs = len(self.staged_columns) - 1

    @property
    def staged_columns(self) -> list[str]:
        """Columns of the staging table in the order of the written lines: a1, a2, … are attributes."""
        whole_name = ["first_name", "last_name"] if self._name else []
        simple = [column.field for column, _ in self._simple]
        attributes = [f"a{number}" for number in range(1, len(self._attributes) + 1)]
        return ["line", "email", "mailbox_group", *whole_name, *simple, *attributes]

    def block(self, numbers: Sequence[int], records: Sequence[Sequence[str]]) -> str | None:
        """The lines for COPY of all these records, or None where one of them needs `line`: a bad value, an escape.

        Column by column in C loops: a third of the time that `line` takes.
        """
        cells = list(zip(*records, strict=True))
        addresses = cells[self._email_at]
        try:
            if "'" in "".join(addresses):
                addresses = tuple(map(values.clean, addresses))
            written = [map(str, numbers), *zip(*map(self._addresses.read, addresses), strict=True)]
            if self._name:
                written += zip(*map(values.split_name, cells[self._name.index]), strict=True)
            # attributes last: a record that is rejected must not have a say in the type of their columns
            written += [list(map(convert, cells[column.index])) for column, convert in self._simple]
            written += [watched.column(cells[column.index]) for column, watched in self._attributes]
        except (AddressInvalid, values.LineRefused, values.ValueRefused):
            return None
        text = "\n".join(map("\t".join, zip(*written, strict=True))) + "\n"
        return text if self._is_plain(text, len(records)) else None

    def _is_plain(self, text: str, lines: int) -> bool:
        """No cell has a character in it that COPY would take for something else."""
        return (
            text.count("\n") == lines
            and text.count("\t") == lines * self._tabs
            and "\\" not in text
            and "\r" not in text
        )

    def line(self, number: int, record: Sequence[str]) -> str:
        """The line for COPY. Raises AddressInvalid or values.LineRefused with the reason to reject it."""
        cells = [str(number), *self._addresses.read(values.clean(record[self._email_at]))]
        if self._name:
            cells += self._split_name(self._name, record)
        converters: list[tuple[Column, values.Converter]] = [*self._simple, *self._attributes]
        for column, convert in converters:
            try:
                cells.append(convert(record[column.index]))
            except values.ValueRefused as error:
                self.warnings.append(Warned(column, str(error)))
                cells.append("")
        return "\t".join([cell.translate(_ESCAPES) for cell in cells]) + "\n"

    def _split_name(self, column: Column, record: Sequence[str]) -> tuple[str, str]:
        try:
            return values.split_name(record[column.index])
        except values.ValueRefused as error:
            self.warnings.append(Warned(column, str(error)))
            return "", ""
