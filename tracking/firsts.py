"""First opens and first clicks of people, put right after stored events were judged anew."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tracking import arrays, ledger, sql
from tracking.occurrence import Occurrence

FIELDS = {"open": "opened_at", "click": "clicked_at"}
Change = tuple[Occurrence, str]


@dataclass
class Wanted:
    """What changed about one kind of event of one e-mail. gained, lost: times of events that became a person's, or
    ceased to be."""

    gained: list[dt.datetime] = field(default_factory=list)
    lost: set[dt.datetime] = field(default_factory=set)

    def first(self, known: dt.datetime | None, kept: dt.datetime | None) -> dt.datetime | None:
        """The first event of a person now. known: as the ledger has it; kept: of the events that are kept.

        A first whose event is kept no more is believed: only one that was lost itself is replaced.
        """
        left = kept if known is None or known in self.lost else known
        return min([*self.gained, *([left] if left else [])], default=None)


def correct(changes: Sequence[Change]) -> None:
    """Put opened_at and clicked_at of the ledger right, and the campaigns' counts of leads.

    changes: each event as it was, and who it is now. Call inside the transaction that has just changed exactly these
    rows of the event table. Locks ledger rows, then campaigns, each sorted by key.
    """
    wanted = _wanted(changes)
    counts: dict[int, Counter[str]] = {}
    for campaign_id in sorted(wanted):
        if campaign_id:
            counts[campaign_id] = _correct(campaign_id, wanted[campaign_id])
    if 0 in wanted:
        _correct(0, wanted[0])
    with connection.cursor() as cursor:
        for campaign_id, count in counts.items():
            if any(count.values()):
                figures = {name: count[name] for name in ledger.FIELDS}
                cursor.execute(sql.COUNT_CAMPAIGN, {"campaign": campaign_id, "adjusted": False, **figures})


ByKind = dict[str, dict[int, Wanted]]


def _wanted(changes: Sequence[Change]) -> dict[int, ByKind]:
    """By campaign (0 for messages), kind, and lead or message."""
    found: dict[int, ByKind] = defaultdict(lambda: {kind: defaultdict(Wanted) for kind in FIELDS})
    for occurrence, by in changes:
        if occurrence.kind in FIELDS and (occurrence.who == "human") != (by == "human"):
            campaign_id, row_id = ledger.key_of(occurrence)
            one = found[campaign_id][occurrence.kind][row_id]
            if by == "human":
                one.gained.append(occurrence.at)
            else:
                one.lost.add(occurrence.at)
    return found


def _correct(campaign_id: int, by_kind: ByKind) -> Counter[str]:
    """How many more rows have each field filled now."""
    counts: Counter[str] = Counter()
    ids = sorted({row_id for of_kind in by_kind.values() for row_id in of_kind})
    with connection.cursor() as cursor:
        cursor.execute(
            sql.FIRSTS_OF_EMAILS if campaign_id else sql.FIRSTS_OF_MESSAGES,
            {"campaign": campaign_id, "ids": arrays.bigints(ids)},
        )
        rows = {row_id: dict(zip(FIELDS, firsts, strict=True)) for row_id, *firsts in cursor.fetchall()}
    for kind, of_kind in by_kind.items():
        kept = _kept(campaign_id, kind, of_kind)
        new: dict[int, dt.datetime | None] = {}
        for row_id in sorted(of_kind.keys() & rows.keys()):
            known = rows[row_id][kind]
            first = of_kind[row_id].first(known, kept.get(row_id))
            if first != known:
                new[row_id] = first
                counts[FIELDS[kind]] += (first is not None) - (known is not None)
        _set(campaign_id, FIELDS[kind], new)
    return counts


def _kept(campaign_id: int, kind: str, of_kind: Mapping[int, Wanted]) -> dict[int, dt.datetime]:
    if not of_kind:
        return {}
    since = min(min([*one.gained, *one.lost]) for one in of_kind.values())
    asked: dict[str, Any] = {
        "campaign": campaign_id,
        "ids": arrays.bigints(sorted(of_kind)),
        "kind": kind,
        "since": since,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.FIRST_OF_LEADS if campaign_id else sql.FIRST_OF_MESSAGES, asked)
        return dict(cursor.fetchall())


def _set(campaign_id: int, name: str, times: Mapping[int, dt.datetime | None]) -> None:
    if not times:
        return
    statements = sql.SET_FIRST_EMAILS if campaign_id else sql.SET_FIRST_MESSAGES
    asked: dict[str, Any] = {
        "campaign": campaign_id,
        "ids": arrays.bigints(times),
        "times": arrays.times(times.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(statements[name], asked)
