"""Rows for the ledger as one text that PostgreSQL takes apart: see sql.RECORD_AND_CLAIM and its kin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from delivery.engine.outcome import Kind
from delivery.storable import clean_reply, storable

if TYPE_CHECKING:
    from delivery.record import Entry
    from delivery.window import Result

# between rows, between fields, and for "no value": control characters that no stored text has (see `delivery.storable`)
ROW, FIELD, NOTHING = "\x1e", "\x1f", "\x1d"
# how PostgreSQL reads bytes
HEX = "\\x"


def accepted_rows(results: Sequence[Result]) -> dict[str, Any] | None:
    """The parameters of sql.RECORD_SENT_AND_CLAIM for a window that one provider accepted with one code; None for any
    other.
    """
    first = results[0]
    code, enhanced, provider_id = first.outcome.code, first.outcome.enhanced, first.provider_id
    leads, digests, replies = list[str](), list[str](), list[str]()
    for one in results:
        outcome = one.outcome
        if (
            outcome.kind is not Kind.ACCEPTED
            or outcome.code != code
            or outcome.enhanced != enhanced
            or outcome.esp_message_id
            or one.provider_id != provider_id
            or one.address_hash is None
        ):
            return None
        leads.append(str(one.lead_id))
        digests.append(one.address_hash.hex())
        replies.append(clean_reply(outcome.reply) or NOTHING)
    return {
        "leads": f"{{{','.join(leads)}}}",
        "digests": '{"\\\\x' + '","\\\\x'.join(digests) + '"}',
        "replies": ROW.join(replies),
        "provider": provider_id,
        "code": code,
        "enhanced": storable(enhanced) if enhanced else None,
    }


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
