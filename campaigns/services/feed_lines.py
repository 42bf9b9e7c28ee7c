"""Reading a feed file line by line: every line is an entry or a reason."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from campaigns import addresses
from campaigns.leads.quick import AddressReader

Format = Literal["ndjson", "csv"]
MAX_ENTRY_CHARACTERS = 100_000
KEYS = ("lead_id", "email")
_MAX_ID = 2**63 - 1
_ESCAPED = re.compile(r"\\u(0000|[dD][89abAB])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One readable line. One of lead_id and email is set; data is a JSON object as text."""

    line: int
    lead_id: int | None
    email: str | None
    data: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of the file, counted from 1, and why it was not loaded."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class FeedInvalid(ValueError):
    """The whole file cannot be read. The message names the cure."""


class _Bad(ValueError):
    """Why one line cannot be loaded."""


def read_feed(lines: Iterable[str], written: Format | None = None) -> Iterator[Entry | BadLine]:
    """Each line of an NDJSON or CSV feed, in constant memory.

    written: how, where that was said; the first line shows it where it was not.
    Raises FeedInvalid for an empty file or a CSV header without a key.
    """
    numbered = iter(enumerate(lines, 1))
    number, line = next((one for one in numbered if one[1].strip("\ufeff \t\r\n")), (0, ""))
    if not line:
        raise FeedInvalid("the feed is empty: it needs one line for each lead")
    line = line.removeprefix("\ufeff")
    rest = itertools.chain([(number, line)], numbered)
    looks_like: Format = "ndjson" if line.lstrip().startswith(("{", "[")) else "csv"
    return _read_json(rest) if (written or looks_like) == "ndjson" else _read_csv(rest)


def _read_json(lines: Iterable[tuple[int, str]]) -> Iterator[Entry | BadLine]:
    reader = AddressReader()
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield _entry(number, _parse(line), reader)
        except _Bad as error:
            yield BadLine(number, str(error))


def _parse(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _Bad(f"not JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise _Bad("nested too deeply") from error
    except ValueError as error:
        raise _Bad(f"a number is too long: {error}") from error
    if not isinstance(found, dict):
        raise _Bad('not a JSON object; write one as in {"email": "anna@example.com", "points": 120}')
    return found


def _no_constant(word: str) -> Any:
    raise _Bad(f"{word} is not allowed in JSON")


def _read_csv(lines: Iterable[tuple[int, str]]) -> Iterator[Entry | BadLine]:
    remaining = iter(lines)
    number, first = next(remaining)
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(itertools.chain([first], (line for _, line in remaining)), delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(rows)]
    folded = {name.lower(): name for name in header}
    if not any(key in folded for key in KEYS):
        raise FeedInvalid(
            f"the first line names the columns {', '.join(header)[:200]}; one of them must be email or lead_id"
        )
    if len(folded) < len(header):
        raise FeedInvalid("the first line names a column twice; give each column a name of its own")
    return _csv_entries(rows, [name.lower() if name.lower() in KEYS else name for name in header], number - 1)


def _csv_entries(rows: Any, header: list[str], offset: int) -> Iterator[Entry | BadLine]:
    reader = AddressReader()
    while True:
        number = rows.line_num + offset + 1
        try:
            row = next(rows, None)
            if row is None:
                return
            if not any(row):
                continue
            if len(row) != len(header):
                raise _Bad(f"has {len(row)} columns, the first line has {len(header)}")
            yield _entry(number, dict(zip(header, row, strict=True)), reader)
        except csv.Error as error:
            yield BadLine(number, f"not CSV: {error}; is a quotation mark left open?")
        except _Bad as error:
            yield BadLine(number, str(error))


def _entry(number: int, found: dict[str, Any], reader: AddressReader) -> Entry:
    lead_id, email = found.pop("lead_id", None), found.pop("email", None)
    data = _data(found)
    if lead_id not in (None, ""):
        return Entry(number, _lead_id(lead_id), None, data)
    if not isinstance(email, str) or not email:
        raise _Bad("names no lead: it needs an email or a lead_id")
    try:
        return Entry(number, None, reader.read(email)[0], data)
    except addresses.AddressInvalid as error:
        raise _Bad(f"{email[:80]!r} is not an e-mail address: {error}") from error


def _lead_id(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,19}", text) or not 0 < int(text) <= _MAX_ID:
        raise _Bad(f"the lead_id {text[:40]!r} is not a whole number above 0")
    return int(text)


def _data(found: dict[str, Any]) -> str:
    try:
        written = json.dumps(found, allow_nan=False)
    except ValueError as error:
        raise _Bad("a number is too large") from error
    if len(written) > MAX_ENTRY_CHARACTERS:
        raise _Bad(f"the object has {len(written):,} characters; at most {MAX_ENTRY_CHARACTERS:,} are allowed")
    # only suspicious ones are looked at closely: pairs of surrogates are fine, half of one cannot be stored
    if _ESCAPED.search(written):
        plain = json.dumps(found, ensure_ascii=False)
        if re.search(r"[\ud800-\udfff]", plain) or re.search(r"(?<!\\)(\\\\)*\\u0000", plain):
            raise _Bad("contains a NUL character or half of a surrogate pair")
    return written
