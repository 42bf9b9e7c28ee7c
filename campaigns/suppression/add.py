"""Putting addresses and domains on the list, and what that means for leads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from campaigns import addresses
from campaigns.models import Lead, Suppression
from campaigns.suppression import sql

Kind = Suppression.Kind
Reason = Suppression.Reason
# a reason gives way to those that stand after it; that the person had unsubscribed is remembered beside them
RANKS = (
    Reason.UNSUBSCRIBE, Reason.IMPORTED, Reason.SOFT_BOUNCES, Reason.MANUAL, Reason.HARD_BOUNCE, Reason.COMPLAINT,
)  # fmt: skip
STATUS_BY_REASON = {
    Reason.HARD_BOUNCE: Lead.Status.BOUNCED,
    Reason.SOFT_BOUNCES: Lead.Status.BOUNCED,
    Reason.COMPLAINT: Lead.Status.COMPLAINED,
    Reason.UNSUBSCRIBE: Lead.Status.UNSUBSCRIBED,
    Reason.MANUAL: Lead.Status.UNSUBSCRIBED,
    Reason.IMPORTED: Lead.Status.UNSUBSCRIBED,
}
SOURCE_CHARACTERS = 200


class Entry(NamedTuple):
    """One thing to suppress. value: the normalised address or domain, "" where only its hash may be stored."""

    kind: str
    digest: bytes
    value: str
    reason: str


def entry(value: str, reason: str, *, kind: str = Kind.ADDRESS) -> Entry:
    """The entry of a normalised address or domain."""
    return Entry(kind, addresses.digest(value), value, reason)


def suppress(values: Iterable[str], *, reason: str, source: str) -> int:
    """Suppress normalised addresses, and give their leads the status that goes with the reason; how many were new.

    Doing it again changes nothing. Joins the caller's transaction.
    """
    return add([entry(value, reason) for value in values], source=source)


def add(entries: Sequence[Entry], *, source: str) -> int:
    """Suppress these; how many were not on the list before. Of two for one thing the stronger reason stays.

    Leads are found by address alone: of a hash nobody shall know whose it is, and a domain is looked at when a
    campaign is sent. A lead who is not subscribed keeps its status: it may be stronger, and comes back by itself.
    """
    if not entries:
        return 0
    unique = _strongest(entries)
    parameters: dict[str, Any] = {
        "kinds": [one.kind for one in unique],
        "digests": [one.digest for one in unique],
        "values": [one.value for one in unique],
        "reasons": [one.reason for one in unique],
        "ranks": [reason.value for reason in RANKS],
        "source": source[:SOURCE_CHARACTERS],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.ADD, parameters)
        new = sum(is_new for (is_new,) in cursor.fetchall())
        for reason, status in STATUS_BY_REASON.items():
            emails = [one.value for one in unique if one.reason == reason and one.kind == Kind.ADDRESS and one.value]
            if emails:
                cursor.execute(sql.MARK_LEADS, {"emails": emails, "status": status.value})
    return new


def _strongest(entries: Sequence[Entry]) -> list[Entry]:
    """One of each thing: a statement cannot change one row twice."""
    ranks = {reason.value: place for place, reason in enumerate(RANKS)}
    found: dict[tuple[str, bytes], Entry] = {}
    for one in sorted(entries, key=lambda one: ranks[one.reason]):
        found[one.kind, one.digest] = one
    return sorted(found.values(), key=lambda one: one.digest)
