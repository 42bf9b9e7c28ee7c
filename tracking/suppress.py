"""What bounces and complaints do to addresses and leads.

A hard bounce and a complaint suppress at once, soft bounces when there are too many, other refusals never. Only the
address that was written to is touched: a report that names another one says nothing about it that can be trusted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from campaigns import addresses
from campaigns.suppression.add import Reason, suppress
from delivery import soft_bounces
from tracking import arrays, sql
from tracking.occurrence import UNKEPT, Occurrence

CLASSES = {"hard": Reason.HARD_BOUNCE, "soft": Reason.SOFT_BOUNCES}


class Blamed(NamedTuple):
    """One address that an event tells against. source: the e-mail it was about."""

    reason: str
    address: str
    source: str


def apply(occurrences: Sequence[Occurrence]) -> None:
    """Suppress what these events tell to suppress. Call inside a transaction, before any row of the ledger is locked.

    A second call with the same events changes nothing.
    """
    wanted = [occurrence for occurrence in occurrences if _reason(occurrence)]
    if not wanted:
        return
    by_reason: dict[str, list[Blamed]] = defaultdict(list)
    for one in _blamed(wanted):
        by_reason[one.reason].append(one)
    for reason in sorted(by_reason):
        _carry_out(reason, by_reason[reason])


def _reason(occurrence: Occurrence) -> str:
    """The suppression's reason that an event may lead to, "" for none."""
    if occurrence.kind == "complaint":
        return Reason.COMPLAINT
    if occurrence.kind in ("bounce", "rejected"):
        return CLASSES.get((occurrence.data or {}).get("class", ""), "")
    return ""


def _carry_out(reason: str, blamed: Sequence[Blamed]) -> None:
    by_source: dict[str, set[str]] = defaultdict(set)
    for one in blamed:
        by_source[one.source].add(one.address)
    for source in sorted(by_source):
        found = sorted(by_source[source])
        if reason == Reason.SOFT_BOUNCES:
            soft_bounces.note(found, source)
        else:
            suppress(found, reason=reason, source=source)


def _blamed(occurrences: Sequence[Occurrence]) -> list[Blamed]:
    ids: dict[int, set[int]] = defaultdict(set)
    for one in occurrences:
        ids[0 if one.message_id else one.campaign_id or 0].add(one.message_id or one.lead_id or 0)
    written: dict[tuple[int, int], tuple[str, bytes | None]] = {}
    with connection.cursor() as cursor:
        for campaign_id, wanted in ids.items():
            statement = sql.WRITTEN_TO if campaign_id else sql.MESSAGES_TO
            cursor.execute(statement, {"campaign": campaign_id, "ids": arrays.bigints(sorted(wanted))})
            for row_id, address, digest in cursor.fetchall():
                written[campaign_id, row_id] = (address, None if digest is None else bytes(digest))
    found = []
    for one in occurrences:
        key = (0, one.message_id) if one.message_id else (one.campaign_id or 0, one.lead_id or 0)
        address = _address(one, *written.get(key, ("", None)))
        if address:
            source = f"message {one.message_id}" if one.message_id else f"campaign {one.campaign_id}"
            found.append(Blamed(_reason(one), address, source))
    return found


def _address(occurrence: Occurrence, current: str, written_to: bytes | None) -> str:
    """The address that the event is about, "" where that is not the one that was written to.

    current: the lead's address now, which may have changed. written_to: the ledger's hash; None where it has none (a
    lost worker's e-mail, a ledger that was dropped), and the current address then stands for it.
    """
    named = str((occurrence.data or {}).get(UNKEPT) or "") or current
    try:
        address = addresses.normalise(named)
    except addresses.AddressInvalid:
        return ""
    if written_to is None:
        written_to = addresses.address_hash(current.lower()) if current else b""
    return address if addresses.address_hash(address) == written_to else ""
