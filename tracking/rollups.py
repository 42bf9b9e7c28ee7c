"""Events become counts for reports, in the transaction that inserts them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from django.db import connection

from tracking import ledger, sql
from tracking.occurrence import Occurrence


def add(fresh: Sequence[tuple[Occurrence, ledger.Known | None]]) -> None:
    """Count the events by campaign, minute and link. Call inside the transaction that inserted exactly these events."""
    events = [occurrence for occurrence, _ in fresh]
    _add_minutes(events)
    _add_links([o for o in events if o.kind == "click"])


def _add_minutes(events: Sequence[Occurrence]) -> None:
    minutes: Counter[tuple[int, dt.datetime, str, str]] = Counter()
    for o in events:
        if o.campaign_id is not None:
            minutes[o.campaign_id, o.at.replace(second=0, microsecond=0), o.kind, o.who] += 1
    if not minutes:
        return
    keys = sorted(minutes)
    campaign, minute, kind, by = (list(column) for column in zip(*keys, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.ADD_MINUTES,
            {"campaign": campaign, "minute": minute, "kind": kind, "who": by, "count": [minutes[key] for key in keys]},
        )


def _add_links(clicks: Sequence[Occurrence]) -> None:
    links: Counter[tuple[int, int, str]] = Counter()
    people: set[tuple[int, int, int]] = set()
    for o in clicks:
        if o.campaign_id is None or o.lead_id is None or o.link_number is None:
            continue
        links[o.campaign_id, o.link_number, o.who] += 1
        if o.who == "human":
            people.add((o.campaign_id, o.link_number, o.lead_id))
    if not links:
        return
    first = _first_clicks(sorted(people))
    keys = sorted(links)
    campaign, number, by = (list(column) for column in zip(*keys, strict=True))
    leads = [first[key[0], key[1]] if key[2] == "human" else 0 for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.ADD_LINKS,
            {"campaign": campaign, "number": number, "who": by, "count": [links[key] for key in keys], "leads": leads},
        )


def _first_clicks(people: list[tuple[int, int, int]]) -> Counter[tuple[int, int]]:
    """How many people clicked each (campaign, link) for the first time."""
    if not people:
        return Counter()
    campaign, number, lead = (list(column) for column in zip(*people, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(sql.ADD_LINK_CLICKS, {"campaign": campaign, "number": number, "lead": lead})
        return Counter((campaign_id, link_number) for campaign_id, link_number in cursor.fetchall())
