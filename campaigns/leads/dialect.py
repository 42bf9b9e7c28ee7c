"""How a file is written: encoding, delimiter, escapes, and whether it has a header line."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from campaigns.leads import encoding as encodings
from campaigns.leads.errors import FileRefused

DELIMITERS = (",", ";", "\t", "|")
# rows of the sample that are looked at
SAMPLE_ROWS = 200
_EXCEL_HINT = re.compile(r"\Asep=(.)\r?\n", re.IGNORECASE)
_BACKSLASH_QUOTE = re.compile(r'[^\\"]\\"[^,;\t|\r\n]')
# a doubled quote inside a value, rather than an empty value in quotes
_DOUBLED_QUOTE = re.compile(r'[^,;\t|\r\n]""[^,;\t|\r\n]')
_NEW_LINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Dialect:
    """encoding: for open(). skip_lines: lines before the header, such as Excel's "sep=;"."""

    encoding: str
    delimiter: str
    backslash_escapes: bool = False
    skip_lines: int = 0

    def reader(self, lines: Iterable[str], *, strict: bool) -> Iterator[list[str]]:
        """A csv.reader over `lines`. strict: a quote in the wrong place is an error."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            doublequote=not self.backslash_escapes,
            escapechar="\\" if self.backslash_escapes else None,
            skipinitialspace=True,
            strict=strict,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """The dialect and the first rows of a file, the header among them."""

    dialect: Dialect
    rows: tuple[tuple[str, ...], ...]


def examine(sample: bytes, *, encoding: str = "", delimiter: str = "", complete: bool = False) -> Sample:
    """Dialect and first rows of a file from a sample of its bytes; what is given is not guessed.

    complete: the sample is the whole file. Raises FileRefused where there is no text in it.
    """
    name = encodings.check_name(encoding) if encoding else encodings.detect(sample)
    text = codecs.getincrementaldecoder(name)(encodings.MARK_UNREADABLE).decode(sample).lstrip("\ufeff")
    hint = _EXCEL_HINT.match(text)
    if hint:
        delimiter, text = delimiter or hint[1], text[hint.end() :]
    if not text.strip():
        raise FileRefused("The file has no text in it. Export the leads again, with a header line.")
    if delimiter and len(delimiter) != 1:
        raise FileRefused(f"The delimiter must be one character, not {delimiter!r}.")
    lines = _whole_lines(text, complete)
    escapes = bool(_BACKSLASH_QUOTE.search(text)) and not _DOUBLED_QUOTE.search(text)
    best = _best([Dialect(name, one, escapes, 1 if hint else 0) for one in (delimiter or DELIMITERS)], lines)
    return Sample(best, tuple(tuple(row) for row in parse(best, lines)))


def parse(dialect: Dialect, lines: list[str]) -> list[list[str]]:
    """Rows of the sample without empty ones; a row that cannot be parsed ends it."""
    rows: list[list[str]] = []
    try:
        for row in dialect.reader(lines, strict=False):
            if any(row):
                rows.append(row)
            if len(rows) >= SAMPLE_ROWS:
                break
    except csv.Error:
        return rows
    return rows


def _whole_lines(text: str, complete: bool) -> list[str]:
    ends = [match.end() for match in _NEW_LINE.finditer(text)]
    lines = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    rest = text[ends[-1] if ends else 0 :]
    # the last line of a sample may be cut in the middle; a file without any line end has just that one
    if rest and (complete or not lines):
        lines.append(rest)
    return lines


def _best(dialects: list[Dialect], lines: list[str]) -> Dialect:
    """The dialect that cuts the rows into the most even and sensible columns; the first of equals."""
    return max(dialects, key=lambda dialect: _score(parse(dialect, lines)))


def _score(rows: list[list[str]]) -> tuple[bool, float, int]:
    if not rows:
        return False, 0.0, 0
    width, count = Counter(len(row) for row in rows).most_common(1)[0]
    # a cell that is an address and nothing more: where a wrong delimiter leaves "ann@example.com;Ann" in one piece
    clean = sum(any(_is_address_alone(cell) for cell in row) for row in rows)
    evenness = count / len(rows) if width > 1 else 0.0
    return clean * 2 >= len(rows) - 1 and clean > 0, round(evenness, 1), width


def _is_address_alone(cell: str) -> bool:
    local, at, domain = cell.strip().strip("'").rpartition("@")
    return bool(at and local and "." in domain and not any(mark in cell.strip() for mark in ' ,;\t|"<>'))
