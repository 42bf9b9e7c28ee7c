"""Which column of a file goes into which field of a lead: guessed from headers, overridden by a mapping."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from campaigns.leads import statuses
from campaigns.leads.errors import FileRefused, MappingInvalid
from campaigns.leads.headers import FIELD_BY_HEADER, fold

FIELDS = ("email", "first_name", "last_name", "name", "language", "time_zone", "tags", "status", "attributes")
IGNORE = "ignore"
ATTRIBUTE = "attribute"
ATTRIBUTE_PREFIX = "attributes."
MAX_COLUMNS = 500
MAX_ATTRIBUTE_NAME = 64
# the first columns of a file of rejected lines: so that it can be corrected and imported as it is
REJECT_HEADERS = ("line", "result", "reason")

_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file. field: one of FIELDS, ATTRIBUTE with its name in `attribute`, or IGNORE."""

    index: int
    header: str
    field: str
    attribute: str = ""

    @property
    def target(self) -> str:
        """As it is written in a mapping: "email", "attributes.city", "ignore"."""
        return ATTRIBUTE_PREFIX + self.attribute if self.field == ATTRIBUTE else self.field


def plan_columns(
    headers: Sequence[str], rows: Sequence[Sequence[str]], mapping: Mapping[str, str]
) -> tuple[Column, ...]:
    """What becomes of each column. headers: empty texts for a file without a header line; rows: a sample.

    mapping: column name, or number from 1, to a field, "attributes.<name>" or "ignore".
    Raises FileRefused where no column has addresses, MappingInvalid where the mapping does not fit.
    """
    if len(headers) > MAX_COLUMNS:
        raise FileRefused(f"The file has {len(headers)} columns; at most {MAX_COLUMNS} can be imported.")
    given = _given(headers, mapping)
    columns = [_guess(index, header, given) for index, header in enumerate(headers)]
    columns = _without_doubles(columns, set(given))
    columns = _settle_names(columns, set(given))
    columns = _settle_status(columns, rows, set(given))
    if not any(column.field == "email" for column in columns):
        columns = _find_addresses(columns, rows, set(given))
    return tuple(_with_attribute_names(columns))


def slug(header: str) -> str:
    """The header as the name of an attribute: what merge tags can spell. "Größe (cm)" is "grosse_cm"."""
    # twice: a letter such as a mathematical alpha has no small form before it is decomposed
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", header.strip().casefold()).casefold())
    plain = unicodedata.normalize("NFC", "".join(mark for mark in plain if not unicodedata.combining(mark)))
    name = _NOT_WORD.sub("_", plain).strip("_")[:MAX_ATTRIBUTE_NAME].rstrip("_")
    return f"n{name}" if name[:1].isdigit() else name


def _given(headers: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    """Column index to target, checked."""
    given: dict[int, str] = {}
    for name, text in mapping.items():
        index, target = _index_of(name, headers), _target(text)
        if target is None:
            raise MappingInvalid(
                f"{text!r} is no field for the column {name!r}. Fields: {', '.join(FIELDS)}, "
                f"{ATTRIBUTE_PREFIX}<name>, {IGNORE}."
            )
        if index in given:
            raise MappingInvalid(f"The column {name!r} is mapped twice.")
        if target != IGNORE and target in given.values():
            raise MappingInvalid(f"Two columns are mapped to {target}. Choose one, and map the other to {IGNORE}.")
        given[index] = target
    return given


def _index_of(name: str, headers: Sequence[str]) -> int:
    for same in (str.strip, fold):
        for index, header in enumerate(headers):
            if header and same(header) == same(name):
                return index
    if name.isdecimal() and 1 <= int(name) <= len(headers):
        return int(name) - 1
    named = ", ".join(header for header in headers if header) or f"1 to {len(headers)} (the file has no header line)"
    raise MappingInvalid(f"The file has no column {name!r}. Its columns: {named}.")


def _target(text: str) -> str | None:
    """The target in its one spelling; None when it is none."""
    if text in FIELDS or text == IGNORE:
        return text
    name = slug(text.removeprefix(ATTRIBUTE_PREFIX)) if text.startswith(ATTRIBUTE_PREFIX) else ""
    return ATTRIBUTE_PREFIX + name if name else None


def _guess(index: int, header: str, given: Mapping[int, str]) -> Column:
    target = given.get(index) or FIELD_BY_HEADER.get(fold(header), ATTRIBUTE)
    if index not in given and index < len(REJECT_HEADERS) and header == REJECT_HEADERS[index]:
        target = IGNORE
    if target.startswith(ATTRIBUTE_PREFIX):
        return Column(index, header, ATTRIBUTE, slug(target.removeprefix(ATTRIBUTE_PREFIX)))
    return Column(index, header, target)


def _without_doubles(columns: list[Column], given: set[int]) -> list[Column]:
    """A field has one column: the mapped one, else the first; the others become attributes."""
    owners = {column.field: column.index for column in reversed(columns)}
    owners |= {column.field: column.index for column in columns if column.index in given}
    return [
        replace(column, field=ATTRIBUTE) if column.field in FIELDS and owners[column.field] != column.index else column
        for column in columns
    ]


def _settle_names(columns: list[Column], given: set[int]) -> list[Column]:
    """ "Name" is what "Vorname" or "Nachname" beside it leaves over; a whole name beside both is an attribute."""
    field_of = {column.field: column for column in columns}
    parts = [field for field in ("first_name", "last_name") if field in field_of]
    if "name" not in field_of:
        # "Nom" without "Prénom" is the whole name
        whole = parts == ["last_name"] and fold(field_of["last_name"].header) == "nom"
        return _renamed(columns, given, "last_name", "name") if whole else columns
    if field_of["name"].index not in given:
        left_over = {"first_name": "last_name", "last_name": "first_name"}
        return (
            _renamed(columns, given, "name", left_over[parts[0]])
            if len(parts) == 1
            else (_renamed(columns, given, "name", ATTRIBUTE) if parts else columns)
        )
    for part in parts:
        if field_of[part].index in given:
            raise MappingInvalid(f"Map a column to name or to {part}, not to both.")
        columns = _renamed(columns, given, part, ATTRIBUTE)
    return columns


def _settle_status(columns: list[Column], rows: Sequence[Sequence[str]], given: set[int]) -> list[Column]:
    """A "Status" of "active customer" is an attribute; only one that speaks of subscriptions is taken for ours."""
    for column in columns:
        if column.field == "status" and not all(statuses.known(value) for value in _values(column, rows) if value):
            return _renamed(columns, given, "status", ATTRIBUTE)
    return columns


def _renamed(columns: list[Column], given: set[int], old: str, new: str) -> list[Column]:
    return [
        replace(column, field=new) if column.field == old and column.index not in given else column
        for column in columns
    ]


def _find_addresses(columns: list[Column], rows: Sequence[Sequence[str]], given: set[int]) -> list[Column]:
    """The column that holds addresses, whatever it is called."""
    for column in columns:
        values = [value for value in _values(column, rows) if value]
        addresses = sum("@" in value for value in values)
        if column.index not in given and values and addresses * 2 >= len(values):
            return [replace(other, field="email") if other is column else other for other in columns]
    named = ", ".join(column.header or str(column.index + 1) for column in columns)
    raise FileRefused(
        "No column holds e-mail addresses. Name that column “email” in the first line, or map it "
        f"(in the terminal: --map COLUMN=email). Columns found: {named}."
    )


def _values(column: Column, rows: Sequence[Sequence[str]]) -> list[str]:
    return [row[column.index].strip() for row in rows if column.index < len(row)]


def _with_attribute_names(columns: list[Column]) -> list[Column]:
    taken = {column.attribute for column in columns if column.attribute}
    named = []
    for column in columns:
        if column.field == ATTRIBUTE and not column.attribute:
            stem = slug(column.header) or f"column_{column.index + 1}"
            name = next(one for one in _numbered(stem) if one not in taken)
            taken.add(name)
            column = replace(column, attribute=name)
        named.append(column)
    return named


def _numbered(stem: str) -> list[str]:
    return [stem, *(f"{stem}_{number}" for number in range(2, MAX_COLUMNS + 2))]
