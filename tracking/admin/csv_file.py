"""Streamed CSV files: a line at a time, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from campaigns.leads.guard import guard


class Echo:
    """A file that hands back what is written: csv.writer makes lines, the response streams them."""

    def write(self, text: str) -> str:
        return text


def csv_response(name: str, lines: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """A file of this name with these rows, the first of which are the columns' names."""
    response = StreamingHttpResponse(_written(lines), content_type="text/csv; charset=utf-8")
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in name)
    response.headers["Content-Disposition"] = f'attachment; filename="{safe}"'
    return response


def _written(lines: Iterable[Sequence[object]]) -> Iterator[str]:
    writer: Any = csv.writer(Echo())
    for line in lines:
        yield writer.writerow([guard(_cell(value)) for value in line])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "astimezone"):
        return str(timezone.localtime(value).isoformat(timespec="seconds"))  # type: ignore[arg-type]
    return str(value)
