"""Rows for the ledger as one text that PostgreSQL takes apart: see sql.RECORD_AND_CLAIM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delivery.record import Entry

# between rows, between fields, and for "no value": control characters that no stored text has (see `delivery.storable`)
ROW, FIELD, NOTHING = "\x1e", "\x1f", "\x1d"
# how PostgreSQL reads bytes
HEX = "\\x"


def ledger_rows(entries: Iterable[Entry]) -> str:
    """The fields that differ between the rows of a window. Texts among them are storable."""
    return ROW.join([_row(entry) for entry in entries])


def _row(entry: Entry) -> str:
    due_at, digest = entry.due_at, entry.address_hash
    return (
        f"{entry.lead_id}{FIELD}{NOTHING if due_at is None else due_at.isoformat()}{FIELD}"
        f"{NOTHING if entry.provider_id is None else entry.provider_id}{FIELD}{entry.tries}{FIELD}"
        f"{NOTHING if entry.code is None else entry.code}{FIELD}{entry.status}{FIELD}"
        f"{NOTHING if entry.enhanced is None else entry.enhanced}{FIELD}"
        f"{NOTHING if digest is None else f'{HEX}{digest.hex()}'}{FIELD}"
        f"{NOTHING if entry.reply is None else entry.reply}{FIELD}"
        f"{NOTHING if entry.esp_message_id is None else entry.esp_message_id}"
    )
