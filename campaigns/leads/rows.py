"""From a record of the file to one line of PostgreSQL's COPY text format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    _converters: list[tuple[Column, values.Converter]] = field(default_factory=list)
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
                self._converters.append((column, watched))
            elif column.field in _CONVERTERS:
                self._converters.append((column, _CONVERTERS[column.field]))
        self._tabs = len(self.staged_columns) - 1

    @property
    def staged_columns(self) -> list[str]:
        """Columns of the staging table in the order of the written lines: a1, a2, … are attributes."""
        names = ["line", "email", "mailbox_group", *(["first_name", "last_name"] if self._name else [])]
        attribute = 0
        for column, _ in self._converters:
            if column.field == ATTRIBUTE:
                attribute += 1
                names.append(f"a{attribute}")
            else:
                names.append(column.field)
        return names

    def line(self, number: int, record: Sequence[str]) -> str:
        """The line for COPY. Raises addresses.AddressInvalid or values.LineRefused with the reason to reject it."""
        cell = record[self._email_at]
        if "'" in cell:
            cell = values.clean(cell)
        cells = [str(number), *self._addresses.read(cell)]
        if self._name:
            cells += self._split_name(self._name, record)
        for column, convert in self._converters:
            cell = record[column.index]
            if cell:
                try:
                    cell = convert(cell)
                except values.ValueRefused as error:
                    self.warnings.append(Warned(column, str(error)))
                    cell = ""
            cells.append(cell)
        line = "\t".join(cells)
        # the rare line with something to escape costs three times as much
        if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != self._tabs:
            return "\t".join([cell.translate(_ESCAPES) for cell in cells]) + "\n"
        return line + "\n"

    def _split_name(self, column: Column, record: Sequence[str]) -> tuple[str, str]:
        try:
            return values.split_name(record[column.index])
        except values.ValueRefused as error:
            self.warnings.append(Warned(column, str(error)))
            return "", ""
