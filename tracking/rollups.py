"""Events become counts for reports, in the transaction that inserts them; a judgement that changes moves them."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from django.db import connection

from tracking import arrays, dimensions, ledger, rollup_sql, sql
from tracking.models.breakdown import EVENT_COLUMNS
from tracking.occurrence import Occurrence

Link = tuple[int, int]


class Counted(NamedTuple):
    """One event in the sums of somebody. sign: 1 puts it in, -1 takes it out."""

    event: Occurrence
    who: str
    sign: int
    provider_id: int | None = None
    variant: int = 0


def add(fresh: Sequence[tuple[Occurrence, ledger.Known | None]]) -> None:
    """Count the events by campaign, minute, link and dimension. Call inside the transaction that inserted exactly
    these events. Locks: roll-ups, each table sorted by key."""
    counted = [
        Counted(o, o.who, 1, row.provider_id if row else None, row.variant if row else 0)
        for o, row in fresh
        if o.campaign_id is not None
    ]
    _count(counted, _first_clicks)


def move(judged: Sequence[tuple[Occurrence, str]]) -> None:
    """Move events from one `who` to another: each as it was counted, and who did it by today's rules.

    Call inside the transaction that has given the events' rows their new `who`, and before it fills or empties fields
    of the ledger. Events of transactional messages are in no sums and are passed over.
    """
    changed = [(o, who) for o, who in judged if o.campaign_id is not None and who != o.who]
    rows = ledger.look_up([o for o, _ in changed])
    counted = []
    for (o, who), row in zip(changed, rows, strict=True):
        place = (row.provider_id, row.variant) if row else (None, 0)
        counted += [Counted(o, o.who, -1, *place), Counted(o, who, 1, *place)]
    _count(counted, _first_clicks, _last_clicks)


People = list[tuple[int, int, int]]
Change = Callable[[People], Counter[Link]]


def _count(counted: Sequence[Counted], arriving: Change, leaving: Change | None = None) -> None:
    if not counted:
        return
    _add_times(counted)
    _add_links([c for c in counted if c.event.kind == "click"], arriving, leaving)
    _add_dimensions(counted)


# campaign, the number of the minute or the quarter of an hour since 1970, kind, who
Times = defaultdict[tuple[int, float, str, str], int]


def _add_times(counted: Sequence[Counted]) -> None:
    """Minutes, then the quarters of an hour that they lie in: everybody locks them in this order."""
    minutes: Times = defaultdict(int)
    for o, by, sign, _, _ in counted:
        minutes[o.campaign_id or 0, o.at.timestamp() // 60, o.kind, by] += sign
    quarters: Times = defaultdict(int)
    for (campaign_id, minute, kind, by), count in minutes.items():
        quarters[campaign_id, minute // 15, kind, by] += count
    _add(sql.ADD_MINUTES, "minute", minutes, 60)
    _add(sql.ADD_QUARTERS, "quarter", quarters, 15 * 60)


def _add(statement: str, name: str, times: Times, seconds: int) -> None:
    keys = sorted(times)
    campaign, since, kind, people = (list(column) for column in zip(*keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "campaign": campaign,
                name: [dt.datetime.fromtimestamp(number * seconds, dt.UTC) for number in since],
                "kind": kind,
                "who": people,
                "count": [times[key] for key in keys],
            },
        )


def _add_links(clicks: Sequence[Counted], arriving: Change, leaving: Change | None) -> None:
    links: Counter[tuple[int, int, str]] = Counter()
    people: dict[int, set[tuple[int, int, int]]] = {1: set(), -1: set()}
    for c in clicks:
        o = c.event
        if o.campaign_id is None or o.lead_id is None or o.link_number is None:
            continue
        links[o.campaign_id, o.link_number, c.who] += c.sign
        if c.who == "human":
            people[c.sign].add((o.campaign_id, o.link_number, o.lead_id))
    if not links:
        return
    leads = arriving(sorted(people[1]))
    if leaving:
        leads.subtract(leaving(sorted(people[-1])))
    keys = sorted(links)
    campaign, number, by = (list(column) for column in zip(*keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.ADD_LINKS,
            {
                "campaign": campaign,
                "number": number,
                "who": by,
                "count": [links[key] for key in keys],
                "leads": [leads[key[0], key[1]] if key[2] == "human" else 0 for key in keys],
            },
        )


def _first_clicks(people: People) -> Counter[Link]:
    """How many people clicked each (campaign, link) for the first time."""
    return _links_of(sql.ADD_LINK_CLICKS, people)


def _last_clicks(people: People) -> Counter[Link]:
    """How many people have no click on each (campaign, link) any more."""
    return _links_of(rollup_sql.DROP_LINK_CLICKS, people)


def _links_of(statement: str, people: People) -> Counter[Link]:
    if not people:
        return Counter()
    campaign, number, lead = (list(column) for column in zip(*people, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(statement, {"campaign": campaign, "number": number, "lead": lead})
        return Counter((campaign_id, link_number) for campaign_id, link_number in cursor.fetchall())


def _add_dimensions(counted: Iterable[Counted]) -> None:
    """Opens, clicks and deliveries alone: what leads did first is told from the ledger."""
    rows = [
        (c.event.campaign_id, c.event.lead_id, c.variant, c.event.provider_id or c.provider_id, what, c.sign)
        for c in counted
        if (what := c.event.kind if c.event.kind == "delivered" else f"{c.event.kind}_{c.who}") in EVENT_COLUMNS
    ]
    if not rows:
        return
    # as texts: psycopg takes ten times as long for a list
    names = ("campaign", "lead", "variant", "provider", "what", "sign")
    columns = {name: arrays.plain(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    with connection.cursor() as cursor:
        cursor.execute(rollup_sql.ADD_EVENTS, {**columns, **dimensions.parameters()})
