"""Where rows go before they are removed: files for the data warehouse, a folder for each partition.

A folder of its own, because the days of two blocks of campaigns overlap: a day that is written again after the first
block is gone would lose what was exported of it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.db import connection

from tracking.retention.pieces import EMAILS, EVENTS, Piece

# what the exporter calls each kind; histories of messages have no place in a warehouse
GROUPS = {"delivery_email": "ledger", "tracking_event": "events", "delivery_message": "messages"}
TIMES = {EMAILS: "at", EVENTS: "at", "messages": "created_at"}

SPAN = "SELECT count(*), min({column}), max({column}) FROM {partition}"


class ExportIncomplete(RuntimeError):
    """Fewer rows were written than the partition has, such as from a replica that lags. Nothing was removed."""


def export(piece: Piece) -> str:
    """Write the piece as Parquet, by day; the folder, "" for what is never exported. A second call writes it anew.

    Raises ExportIncomplete, OSError, and what the reading of a day raises.
    """
    # pyarrow takes its time to load, and only an export needs it
    from tracking.warehouse.export import Wanted
    from tracking.warehouse.export import export as write_days

    if piece.parent not in GROUPS:
        return ""
    rows, first, last = _span(piece)
    if not rows:
        return ""
    folder = Path(settings.RETENTION_EXPORT_DIR) / piece.partition
    wanted = Wanted(folder, first, last, tables=(GROUPS[piece.parent],), force=True)
    written = sum(day.rows for day in write_days(wanted, dt.datetime.now(dt.UTC)))
    if written < rows:
        raise ExportIncomplete(f"only {written:,} of {rows:,} rows were written to {folder}")
    return str(folder)


def _span(piece: Piece) -> tuple[int, dt.date, dt.date]:
    """How many rows the partition has, and the days of the first and the last, in UTC."""
    quote = connection.ops.quote_name
    column = TIMES[piece.kind]
    with connection.cursor() as cursor:
        cursor.execute(SPAN.format(column=quote(column), partition=quote(piece.partition)))
        rows, first, last = cursor.fetchone()
    today = dt.datetime.now(dt.UTC)
    return rows, (first or today).astimezone(dt.UTC).date(), (last or today).astimezone(dt.UTC).date()
