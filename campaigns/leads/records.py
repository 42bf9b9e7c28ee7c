"""The records of a CSV file, one by one in constant memory, and a reason for every line that is none.

A broken quote must cost its own line and no other: when a record that spans lines turns out wrong, its first line is
refused and reading goes on with the second.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from campaigns.leads.dialect import Dialect
from campaigns.leads.encoding import MARK_UNREADABLE, UNREADABLE

MAX_LINE_CHARACTERS = 100_000
MAX_RECORD_LINES = 100
# of a refused line, what is kept for the report
KEPT_CHARACTERS = 1_000

_TOO_LONG = f"The line has more than {MAX_LINE_CHARACTERS:,} characters. Is a line end missing?"
_NUL = "The line has a NUL character in it. Export the file again as CSV UTF-8."
_OPEN_QUOTE = "A quotation mark is opened in this line and not closed where a value ends. Close it, or double it."


class LineRefused(Exception):
    """This physical line cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that gave no record: the beginning of its text, with the reason."""

    text: str
    reason: str


Record = list[str] | BadLine


class Records:
    """Iterates over (number of the record's first line, record). Lines without any value are passed over.

    width: how many columns a record must have; empty ones too many are cut off.
    """

    def __init__(self, stream: BinaryIO, dialect: Dialect) -> None:
        self._text = io.TextIOWrapper(stream, dialect.encoding, errors=MARK_UNREADABLE, newline="")
        self._lines = _Lines(self._text, dialect.encoding)
        self._dialect = dialect
        self.width = 0
        for _ in range(dialect.skip_lines):
            next(self._lines)
        self._lines.taken.clear()

    def detach(self) -> None:
        """Give the stream back; without this it would be closed together with this object."""
        self._text.detach()

    def header(self) -> list[str]:
        """The next record as it is, for its names; its length becomes the width."""
        for _, record in self:
            fields = [record.text] if isinstance(record, BadLine) else record
            self.width = len(fields)
            return fields
        return []

    def __iter__(self) -> Iterator[tuple[int, Record]]:
        lines, taken = self._lines, self._lines.taken
        reader = self._dialect.reader(lines, strict=True)
        while True:
            try:
                for fields in reader:
                    number = lines.number - len(taken) + 1
                    if len(fields) == self.width and any(fields):
                        taken.clear()
                        yield number, fields
                    else:
                        yield from self._odd(number, fields)
            except (csv.Error, LineRefused) as error:
                yield from self._refused(str(error) if isinstance(error, LineRefused) else _OPEN_QUOTE)
                continue
            return

    def _odd(self, number: int, fields: list[str]) -> Iterator[tuple[int, Record]]:
        """A record of the wrong width: empty, with empty columns too many, before the header is known, or bad."""
        while self.width and len(fields) > self.width and not fields[-1].strip():
            fields.pop()
        taken = self._lines.taken
        if not any(field.strip() for field in fields):
            taken.clear()
        elif not self.width or len(fields) == self.width:
            taken.clear()
            yield number, fields
        else:
            text = self._lines.put_back_all_but_first()
            yield number, BadLine(text[:KEPT_CHARACTERS], _width_reason(len(fields), self.width))

    def _refused(self, reason: str) -> Iterator[tuple[int, Record]]:
        lines = self._lines
        number, spans = lines.number - len(lines.taken) + 1, len(lines.taken) > 1
        text = lines.put_back_all_but_first()
        fields = None if spans or reason != _OPEN_QUOTE else self._leniently(text)
        yield number, fields if fields else BadLine(text[:KEPT_CHARACTERS], reason)

    def _leniently(self, text: str) -> list[str] | None:
        """One line with a stray quote, such as `"Ann "Annie" Ames"`, where its columns add up all the same."""
        if text.count('"') % 2:
            return None
        for fields in self._dialect.reader([text], strict=False):
            return fields if len(fields) == self.width else None
        return None


class _Lines:
    """Feeds csv.reader and remembers the lines of the record at hand, so that they can be put back."""

    def __init__(self, stream: io.TextIOWrapper, encoding_name: str) -> None:
        self.number = 0
        self.taken: list[str] = []
        self._back: deque[str] = deque()
        self._readline = stream.readline
        self._unreadable = (
            f"The line has characters that are not {encoding_name}. Save the file as UTF-8, or name its encoding."
        )

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        taken = self.taken
        if len(taken) >= MAX_RECORD_LINES:
            raise LineRefused(_OPEN_QUOTE)
        line = self._back.popleft() if self._back else self._readline(MAX_LINE_CHARACTERS)
        if not line:
            raise StopIteration
        self.number += 1
        taken.append(line)
        if UNREADABLE in line or "\0" in line or len(line) >= MAX_LINE_CHARACTERS:
            self._refuse(line)
        return line

    def _refuse(self, line: str) -> None:
        if len(line) >= MAX_LINE_CHARACTERS:
            rest = line
            while rest and rest[-1] not in "\r\n":
                rest = self._readline(MAX_LINE_CHARACTERS)
            # with an end of its own it can be put back without taking the next line with it
            line = self.taken[-1] = line.rstrip("\r\n") + "\n"
        reason = self._unreadable if UNREADABLE in line else _NUL if "\0" in line else _TOO_LONG
        if len(self.taken) > 1:
            # refused again when it is read as the first line of a record of its own
            self._back_again(self.taken[1:])
            del self.taken[1:]
            reason = _OPEN_QUOTE
        raise LineRefused(reason)

    def put_back_all_but_first(self) -> str:
        """The beginning of the first line of the record at hand; the others are read again."""
        first, rest = self.taken[0], self.taken[1:]
        self._back_again(rest)
        self.taken.clear()
        return first.rstrip("\r\n")

    def _back_again(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)


def _width_reason(found: int, wanted: int) -> str:
    has = f"The line has {found} column{'s' if found != 1 else ''} instead of {wanted}."
    return f"{has} Put values with a delimiter in them in quotation marks." if found > wanted else has
