"""What events do to the ledger: first open, first click, …, and proof that an unknown e-mail did arrive."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection

from delivery.messages import events
from delivery.storable import storable
from tracking import arrays, sql, suppress
from tracking.occurrence import Occurrence

FIELDS = ("opened_at", "clicked_at", "unsubscribed_at", "complained_at")
# the numbers that events after acceptance move
ADJUSTED = ("sent", "unknown", "bounced", "soft_bounced")
# as in Known.empty
BITS = {name: 1 << place for place, name in enumerate(FIELDS)}
# campaign and lead; a transactional message has campaign 0 and its own id
EmailKey = tuple[int, int]
# what ends an e-mail that had been accepted
REFUSALS = frozenset({"bounce", "rejected"})
# the attempt that the event belongs to has not been recorded yet
UNRECORDED = frozenset({"deferred", "queued", "sending"})


class Known(NamedTuple):
    """What the ledger says of one e-mail. at: seconds since 1970, None for what was never attempted. empty: one of
    BITS for each field that was empty when we looked; it may be filled by now, but a filled one is never emptied."""

    status: str
    at: float | None
    provider_id: int | None
    empty: int = 15
    variant: int = 0

    @property
    def delivered_at(self) -> dt.datetime | None:
        """When it was delivered; None where that is not known: an unknown's time is the time of its marking."""
        if self.status == "unknown" or self.at is None:
            return None
        return dt.datetime.fromtimestamp(self.at, dt.UTC)


def key_of(occurrence: Occurrence) -> EmailKey:
    if occurrence.message_id is not None:
        return 0, occurrence.message_id
    return occurrence.campaign_id or 0, occurrence.lead_id or 0


def look_up(occurrences: Sequence[Occurrence]) -> list[Known | None]:
    """What the ledger says of each event's e-mail; None where it has no row."""
    keys = [key_of(occurrence) for occurrence in occurrences]
    ids: dict[int, set[int]] = defaultdict(set)
    for campaign_id, row_id in keys:
        ids[campaign_id].add(row_id)
    known: dict[EmailKey, Known] = {}
    with connection.cursor() as cursor:
        for campaign_id, wanted in ids.items():
            statement = sql.KNOWN_EMAILS if campaign_id else sql.KNOWN_MESSAGES
            cursor.execute(statement, {"campaign": campaign_id, "ids": arrays.bigints(wanted)})
            for row in cursor.fetchall():
                known[campaign_id, row[0]] = Known(*row[1:])
    return [known.get(key) for key in keys]


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
    was unknown and must have been accepted; `refused`: the first bounce of leads whose e-mail was accepted."""

    times: dict[str, dict[int, dt.datetime]] = field(default_factory=lambda: {name: {} for name in FIELDS})
    proved: set[int] = field(default_factory=set)
    refused: dict[int, Occurrence] = field(default_factory=dict)

    def add(self, row_id: int, occurrence: Occurrence, row: Known) -> None:
        if occurrence.kind in REFUSALS:
            if row.status in ("sent", "unknown"):
                self.refused.setdefault(row_id, occurrence)
        elif row.status == "unknown":
            self.proved.add(row_id)
        name = field_of(occurrence)
        if name and row.empty & BITS[name]:
            times = self.times[name]
            known = times.get(row_id)
            if known is None or occurrence.at < known:
                times[row_id] = occurrence.at

    def touched(self) -> list[int]:
        return sorted(self.proved.union(self.refused, *self.times.values()))

    def refusals(self) -> dict[str, list[Any]]:
        """The parameters of sql.BOUNCE but the ids, which are the keys of `refused`."""
        said = [occurrence.data or {} for occurrence in self.refused.values()]
        return {
            "statuses": ["bounced_hard" if is_hard(one) else "bounced_soft" for one in self.refused.values()],
            "enhanced": [storable(str(one.get("status") or "")) or None for one in said],
            "replies": [storable(str(one.get("reply") or "")) or None for one in said],
        }


def is_hard(bounce: Occurrence) -> bool:
    return (bounce.data or {}).get("class") == "hard"


def mark(fresh: Sequence[tuple[Occurrence, Known | None]]) -> None:
    """Fill the empty fields of the ledger's rows and count the leads for whom that happened on their campaigns.

    Call inside the transaction that inserted exactly these events. Most change nothing, as `look_up` has seen, and
    ask nothing here. Locks: suppressions and leads, ledger rows, adjustments and campaigns, each sorted by key.
    """
    suppress.apply([occurrence for occurrence, _ in fresh])
    marks: dict[int, Marks] = defaultdict(Marks)
    for occurrence, row in fresh:
        if row is not None:
            campaign_id, row_id = key_of(occurrence)
            marks[campaign_id].add(row_id, occurrence, row)
    messages = marks.pop(0, None)
    counts = {campaign_id: _mark_emails(campaign_id, marks[campaign_id]) for campaign_id in sorted(marks)}
    if messages:
        _mark_messages(messages)
    _count(counts)


def _mark_emails(campaign_id: int, marks: Marks) -> Counter[str]:
    """How many rows had each field filled, and by how much each of ADJUSTED changed.

    Counted from the rows that changed under the lock, whatever `look_up` saw before.
    """
    counts: Counter[str] = Counter()
    touched = marks.touched()
    if not touched:
        return counts
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_EMAILS, {"campaign": campaign_id, "leads": arrays.bigints(touched)})
        for name, times in marks.times.items():
            if times:
                arguments = {"leads": arrays.bigints(times), "times": arrays.times(times.values())}
                cursor.execute(sql.FILL_EMAILS[name], {"campaign": campaign_id, **arguments})
                counts[name] = cursor.rowcount
        if marks.proved:
            cursor.execute(sql.PROVE_EMAILS, {"campaign": campaign_id, "leads": arrays.bigints(marks.proved)})
            counts.update(sent=cursor.rowcount, unknown=-cursor.rowcount)
        if marks.refused:
            refused: dict[str, Any] = {"campaign": campaign_id, "leads": arrays.bigints(marks.refused)}
            cursor.execute(sql.ACCEPTED_EMAILS, refused)
            accepted = cursor.fetchall()
            before = Counter(status for _, status in accepted)
            cursor.execute(sql.BOUNCE_EMAILS, {**refused, **marks.refusals()})
            counts.update(sent=-before["sent"], unknown=-before["unknown"], bounced=cursor.rowcount)
            counts["soft_bounced"] = sum(not is_hard(marks.refused[lead_id]) for lead_id, _ in accepted)
    return counts


def _mark_messages(marks: Marks) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_MESSAGES, {"messages": arrays.bigints(marks.touched())})
        for name in ("opened_at", "clicked_at"):
            times = marks.times[name]
            if times:
                arguments = {"messages": arrays.bigints(times), "times": arrays.times(times.values())}
                cursor.execute(sql.FILL_MESSAGES[name], arguments)
    if marks.proved:
        events.change(sql.PROVE_MESSAGES, {"messages": arrays.bigints(marks.proved)})
    if marks.refused:
        events.change(sql.BOUNCE_MESSAGES, {"messages": arrays.bigints(marks.refused), **marks.refusals()})


def _count(counts: Mapping[int, Counter[str]]) -> None:
    with connection.cursor() as cursor:
        for campaign_id, count in counts.items():
            if _adjusts(count):
                cursor.execute(sql.ADJUST, {"campaign": campaign_id, **{name: count[name] for name in ADJUSTED}})
        for campaign_id, count in counts.items():
            values = {name: count[name] for name in FIELDS}
            if any(values.values()) or _adjusts(count):
                cursor.execute(sql.COUNT_CAMPAIGN, {"campaign": campaign_id, "adjusted": _adjusts(count), **values})


def _adjusts(count: Counter[str]) -> bool:
    return any(count[name] for name in ADJUSTED)
