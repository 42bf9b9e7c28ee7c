"""What events do to the ledger: first open, first click, …, and proof that an unknown e-mail did arrive."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection

from tracking import arrays, sql
from tracking.occurrence import Occurrence

# in the order of the bits in Known.empty
FIELDS = ("opened_at", "clicked_at", "unsubscribed_at", "complained_at")
# the attempt that the event belongs to has not been recorded yet
UNRECORDED = frozenset({"deferred", "queued", "sending"})


class EmailKey(NamedTuple):
    """One e-mail. campaign_id 0: a transactional message, whose id stands in the other place."""

    campaign_id: int
    id: int


class Known(NamedTuple):
    """What the ledger says of one e-mail. at: seconds since 1970, None for what was never attempted. empty: one bit
    for each of FIELDS, set where the field was empty when we looked (it may be filled by now, never emptied)."""

    status: str
    at: float | None
    provider_id: int | None
    empty: int = 15

    @property
    def delivered_at(self) -> dt.datetime | None:
        """When it was delivered; None where that is not known: an unknown's time is the time of its marking."""
        if self.status == "unknown" or self.at is None:
            return None
        return dt.datetime.fromtimestamp(self.at, dt.UTC)


def key_of(occurrence: Occurrence) -> EmailKey:
    if occurrence.message_id is not None:
        return EmailKey(0, occurrence.message_id)
    return EmailKey(occurrence.campaign_id or 0, occurrence.lead_id or 0)


def look_up(occurrences: Iterable[Occurrence]) -> dict[EmailKey, Known]:
    """The ledger's rows of these events' e-mails, where there are any."""
    ids: dict[int, set[int]] = defaultdict(set)
    for occurrence in occurrences:
        key = key_of(occurrence)
        ids[key.campaign_id].add(key.id)
    known: dict[EmailKey, Known] = {}
    with connection.cursor() as cursor:
        for campaign_id, wanted in ids.items():
            if campaign_id:
                cursor.execute(sql.KNOWN_EMAILS, {"campaign": campaign_id, "leads": arrays.bigints(wanted)})
            else:
                cursor.execute(sql.KNOWN_MESSAGES, {"messages": list(wanted)})
            for row_id, *row in cursor.fetchall():
                known[EmailKey(campaign_id, row_id)] = Known(*row)
    return known


def overtakes(occurrence: Occurrence, known: Known | None) -> bool:
    """Whether the event came before the record of its e-mail. Messages stand in their table before they are sent."""
    if known is None:
        return occurrence.message_id is None
    return known.status in UNRECORDED


def field_of(occurrence: Occurrence) -> str | None:
    """The field of the ledger that this event fills, if it is a lead's first. Opens and clicks: by people only."""
    match occurrence.kind, occurrence.who:
        case "open", "human":
            return "opened_at"
        case "click", "human":
            return "clicked_at"
        case "unsubscribe", _:
            return "unsubscribed_at"
        case "complaint", _:
            return "complained_at"
    return None


@dataclass
class Marks:
    """What events want to set in the rows of one campaign: times by lead for each field; `proved`: leads whose e-mail
    was unknown and must have arrived."""

    times: dict[str, dict[int, dt.datetime]] = field(default_factory=lambda: {name: {} for name in FIELDS})
    proved: set[int] = field(default_factory=set)

    def add(self, row_id: int, occurrence: Occurrence, row: Known) -> None:
        if row.status == "unknown" and occurrence.kind != "bounce":
            self.proved.add(row_id)
        name = field_of(occurrence)
        if name and row.empty >> FIELDS.index(name) & 1:
            times = self.times[name]
            times[row_id] = min(occurrence.at, times.get(row_id, occurrence.at))

    def touched(self) -> list[int]:
        return sorted(self.proved.union(*self.times.values()))


def mark(fresh: Sequence[Occurrence], known: Mapping[EmailKey, Known]) -> None:
    """Fill the empty fields of the ledger's rows and count the leads for whom that happened on their campaigns.

    known: what `look_up` found; most events change nothing and need not ask again.
    Call inside the transaction that inserted exactly these events. Locks: ledger rows, adjustments and campaigns,
    each sorted by key.
    """
    marks: dict[int, Marks] = defaultdict(Marks)
    for occurrence in fresh:
        key = key_of(occurrence)
        row = known.get(key)
        if row is not None:
            marks[key.campaign_id].add(key.id, occurrence, row)
    messages = marks.pop(0, None)
    counts = {campaign_id: _mark_emails(campaign_id, marks[campaign_id]) for campaign_id in sorted(marks)}
    if messages:
        _mark_messages(messages)
    _count(counts)


def _mark_emails(campaign_id: int, marks: Marks) -> Counter[str]:
    """How many rows had each field filled, and under "proved" how many were unknown and are sent now."""
    counts: Counter[str] = Counter()
    if not marks.touched():
        return counts
    rows = _lock(campaign_id, marks)
    new: dict[str, list[dt.datetime | None]] = {name: [] for name in FIELDS}
    unknown: list[int] = []
    marked: list[int] = []
    for lead_id, is_unknown, *empty in rows:
        if is_unknown and lead_id in marks.proved:
            unknown.append(lead_id)
        times = [marks.times[name].get(lead_id) if free else None for name, free in zip(FIELDS, empty, strict=True)]
        if not any(times):
            continue
        marked.append(lead_id)
        for name, time in zip(FIELDS, times, strict=True):
            new[name].append(time)
            counts[name] += time is not None
    with connection.cursor() as cursor:
        if marked:
            filled = {name: arrays.times(times) for name, times in new.items()}
            cursor.execute(sql.MARK_EMAILS, {"campaign": campaign_id, "leads": arrays.bigints(marked), **filled})
        if unknown:
            cursor.execute(sql.PROVE_EMAILS, {"campaign": campaign_id, "leads": unknown})
            counts["proved"] = cursor.rowcount
    return counts


def _lock(campaign_id: int, marks: Marks) -> list[tuple[int, bool, bool, bool, bool, bool]]:
    wanted = {name: arrays.bigints(times) for name, times in marks.times.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_EMAILS, {"campaign": campaign_id, "leads": arrays.bigints(marks.touched()), **wanted})
        rows: list[tuple[int, bool, bool, bool, bool, bool]] = cursor.fetchall()
    return rows


def _mark_messages(marks: Marks) -> None:
    ids = marks.touched()
    opened = [marks.times["opened_at"].get(row_id) for row_id in ids]
    clicked = [marks.times["clicked_at"].get(row_id) for row_id in ids]
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_MESSAGES, {"messages": ids})
        cursor.execute(sql.MARK_MESSAGES, {"messages": ids, "opened_at": opened, "clicked_at": clicked})


def _count(counts: Mapping[int, Counter[str]]) -> None:
    with connection.cursor() as cursor:
        for campaign_id, count in counts.items():
            if count["proved"]:
                cursor.execute(sql.ADJUST, {"campaign": campaign_id, "proved": count["proved"]})
        for campaign_id, count in counts.items():
            if any(count[name] for name in FIELDS):
                cursor.execute(sql.COUNT_CAMPAIGN, {"campaign": campaign_id, **{name: count[name] for name in FIELDS}})
