"""CSV files that stream, in flat memory, and in which no cell is one that a spreadsheet would run."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from campaigns.leads.guard import guard

# a line at a time would cost more than its query
LINES_A_PIECE = 500


class Echo:
    """A file that hands back what is written: csv.writer makes lines, the response streams them."""

    def write(self, text: str) -> str:
        return text


def csv_response(name: str, lines: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """A file of this name with these lines, the first of which names the columns."""
    return file_response(name, _written(lines))


def file_response(name: str, pieces: Iterable[str] | Iterable[bytes]) -> StreamingHttpResponse:
    """A file of this name whose pieces are CSV already."""
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in name)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


def _written(lines: Iterable[Sequence[object]]) -> Iterator[str]:
    writer: Any = csv.writer(Echo())
    left = iter(lines)
    while piece := list(islice(left, LINES_A_PIECE)):
        yield "".join(writer.writerow([guard(_cell(value)) for value in line]) for line in piece)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    return str(value)
