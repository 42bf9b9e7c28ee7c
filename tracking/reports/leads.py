"""Who got a campaign, who did not, and why: the ledger by key, in steps of bounded cost.

A filter that no index serves is looked for stretch by stretch until the page is full or its time is over; then the
page says how far it came and offers to look further. Nothing is counted and nothing is skipped over.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracking import arrays
from tracking.reports import database

PAGE = 50
# rows of the ledger that the first statement looks through, and at most one: 5 ms, with their leads 40 ms
FIRST_STRETCH = 1_000
STRETCH = 15_000
# the look-up may take these: 100,000 rows with all in memory; at least one stretch is always looked through
SECONDS = 0.03
# leads of a domain that are read by the index of domains: 2 ms
FEW = 2_000
EXPORT_CHUNK = 2_000
YES_OR_NO = ("opened", "clicked", "unsubscribed", "complained")
# these few rows have a partial index of their own
ATTENTION = ("deferred", "dead", "unknown")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for. reason: words in the reply or the reason. domain: whole, "gmail.com". provider: id.

    opened, clicked, unsubscribed, complained: True, False, or None where it does not matter.
    after: the lead id that the last page ended with.
    """

    campaign_id: int
    status: str = ""
    reason: str = ""
    domain: str = ""
    provider: int | None = None
    variant: int | None = None
    opened: bool | None = None
    clicked: bool | None = None
    unsubscribed: bool | None = None
    complained: bool | None = None
    after: int = 0

    @property
    def is_filtered(self) -> bool:
        return replace(self, after=0) != Wanted(self.campaign_id)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One lead's e-mail. address: empty where the lead is erased. reason: the server's words, or ours."""

    lead_id: int
    address: str
    status: str
    at: dt.datetime
    tries: int
    provider_id: int | None
    variant: int
    code: int | None
    enhanced: str | None
    reason: str
    opened_at: dt.datetime | None
    clicked_at: dt.datetime | None
    unsubscribed_at: dt.datetime | None
    complained_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """next_after: where the next page begins, None at the end. looked_at: rows looked through, at most.

    is_partial: the time ended before the page was full.
    """

    rows: tuple[Recipient, ...]
    next_after: int | None
    looked_at: int = 0
    is_partial: bool = False


_COLUMNS = """e.lead_id, coalesce(l.email, ''), e.status, e.at, e.tries, e.provider_id, e.variant, e.code, e.enhanced,
       coalesce(e.reply, ''), e.opened_at, e.clicked_at, e.unsubscribed_at, e.complained_at"""

# Rows of the ledger with their leads, by key. Of 51: 1 ms.
FIND = """
SELECT {columns}
  FROM (SELECT * FROM delivery_email e
         WHERE e.campaign_id = %(campaign)s AND e.lead_id > %(after)s AND e.lead_id <= %(end)s {rows}
         ORDER BY e.lead_id {limit_inside}) e
  LEFT JOIN campaigns_lead l ON l.id = e.lead_id
 {leads}
 ORDER BY e.lead_id LIMIT %(limit)s
"""
# A stretch by primary key, once: where it ends, how many rows it has, and which of them are wanted, in its order. 3 ms
# for 10,000 rows; by domain 30 ms.
LOOK = """
SELECT max(e.lead_id), count(*), (array_agg(e.lead_id) FILTER (WHERE true {rows} {domain}))[1:%(limit)s]
  FROM (SELECT * FROM delivery_email WHERE campaign_id = %(campaign)s AND lead_id > %(after)s
         ORDER BY lead_id LIMIT %(stretch)s) e {leads}
"""
# All leads of a domain, unless they are many. 2 ms for 2,000.
OF_DOMAIN = """
SELECT array_agg(id) FROM (SELECT id FROM campaigns_lead
                            WHERE substring(email from '[^@]*$') = lower(%(domain)s) LIMIT %(limit)s) l
"""
# Where a chunk of a file ends: one walk along the key, rows are not read. 2 ms.
END = """
SELECT lead_id FROM delivery_email WHERE campaign_id = %(campaign)s AND lead_id > %(after)s
 ORDER BY lead_id OFFSET %(stretch)s - 1 LIMIT 1
"""
# What words are looked for in. A code is a number: what does not begin with a digit cannot stand in it, and putting the
# number into the text takes a third of the time.
WITH_CODE = "concat_ws(' ', e.code, e.enhanced, e.reply)"
WORDS = "coalesce(e.enhanced || ' ' || e.reply, e.reply, e.enhanced)"
JOIN = "LEFT JOIN campaigns_lead l ON l.id = e.lead_id"
NO_END = 2**63 - 1


@database.read_only
def recipients(wanted: Wanted, *, limit: int = PAGE, seconds: float = SECONDS) -> RecipientPage:
    """The next recipients by lead id."""
    if not wanted.is_filtered or (wanted.status in ATTENTION and wanted == _by_status(wanted)):
        return _page(_find(wanted, NO_END, limit + 1), limit)
    members = _members(wanted.domain) if wanted.domain else None
    if members is not None:
        return _page(_find(wanted, NO_END, limit + 1, members), limit)
    return _step_by_step(wanted, limit, time.monotonic() + seconds)


def _by_status(wanted: Wanted) -> Wanted:
    return Wanted(wanted.campaign_id, status=wanted.status, after=wanted.after)


def _page(found: list[Recipient], limit: int) -> RecipientPage:
    return RecipientPage(tuple(found[:limit]), found[limit - 1].lead_id if len(found) > limit else None)


def _members(domain: str) -> list[int] | None:
    """The leads of a domain; None where they are many."""
    found: list[int] = database.rows(OF_DOMAIN, {"domain": domain, "limit": FEW + 1})[0][0] or []
    return found if len(found) <= FEW else None


def _step_by_step(wanted: Wanted, limit: int, deadline: float) -> RecipientPage:
    """Stretch by stretch: the first tells how long the next must be to fill the page."""
    found: list[int] = []
    looked_at, after, stretch = 0, wanted.after, min(FIRST_STRETCH, STRETCH)
    while True:
        end, rows, more = _look(replace(wanted, after=after), stretch, limit + 1 - len(found))
        found, looked_at = found + more, looked_at + rows
        is_over, is_full = rows < stretch, len(found) > limit
        if is_full or is_over or time.monotonic() > deadline:
            break
        after, stretch = end, _next_stretch(looked_at, len(found), limit)
    page = _page(_find(Wanted(wanted.campaign_id), NO_END, limit + 1, found) if found else [], limit)
    is_last = is_over and not is_full
    # a row that went between the two statements must not end the list
    next_after = None if is_last else page.next_after or end
    return replace(page, next_after=next_after, looked_at=looked_at, is_partial=not is_full and not is_over)


def _next_stretch(looked_at: int, found: int, limit: int) -> int:
    """So many rows as hold what is missing, a fifth more to be sure, if it goes on as it began."""
    missing = limit + 1 - found
    likely = looked_at * missing * 6 // (5 * found) if found else STRETCH
    return min(max(likely, FIRST_STRETCH), STRETCH)


def _look(wanted: Wanted, stretch: int, limit: int) -> tuple[int, int, list[int]]:
    """Where the next stretch ends, how many rows it has, and the first of its leads that are wanted."""
    rows, leads, values = _conditions(wanted)
    statement = LOOK.format(rows=rows, leads=leads and JOIN, domain=leads)
    asked = {"campaign": wanted.campaign_id, "after": wanted.after, "stretch": stretch, "limit": limit, **values}
    end, count, found = database.rows(statement, asked)[0]
    return end or wanted.after, count, found or []


def _find(wanted: Wanted, end: int, limit: int, members: Sequence[int] | None = None) -> list[Recipient]:
    """Those up to `end`. members: among these leads, all of them of the domain that is asked for."""
    rows, leads, values = _conditions(wanted if members is None else replace(wanted, domain=""))
    if members is not None:
        rows += " AND e.lead_id = ANY(%(members)s::bigint[])"
        values["members"] = arrays.bigints(members)
    statement = FIND.format(
        columns=_COLUMNS,
        rows=rows,
        leads=leads and f"WHERE true {leads}",
        limit_inside="" if leads else "LIMIT %(limit)s",
    )
    parameters = {"campaign": wanted.campaign_id, "after": wanted.after, "end": end, "limit": limit, **values}
    return [Recipient(*row) for row in database.rows(statement, parameters)]


def _conditions(wanted: Wanted) -> tuple[str, str, dict[str, Any]]:
    """Conditions on the ledger's rows and on leads, as SQL of ours with named values."""
    rows, values = "", {}
    for name, column in (("status", "status"), ("provider", "provider_id"), ("variant", "variant")):
        value = getattr(wanted, name)
        if value not in ("", None):
            rows += f" AND e.{column} = %({name})s"
            values[name] = value
    if wanted.reason:
        rows += f" AND strpos(lower({WITH_CODE if wanted.reason[0].isdecimal() else WORDS}), lower(%(reason)s)) > 0"
        values["reason"] = wanted.reason
    for name in YES_OR_NO:
        value = getattr(wanted, name)
        if value is not None:
            rows += f" AND e.{name}_at IS {'NOT ' if value else ''}NULL"
    if not wanted.domain:
        return rows, "", values
    return rows, " AND substring(l.email from '[^@]*$') = lower(%(domain)s)", {**values, "domain": wanted.domain}


def every_recipient(wanted: Wanted) -> Iterator[tuple[Recipient, ...]]:
    """All of them in chunks by key, a short transaction each: memory and locks stay small however long it takes."""
    after = wanted.after
    while True:
        with database.reading():
            end = _end_of_chunk(wanted.campaign_id, after)
            chunk = _find(replace(wanted, after=after), NO_END if end is None else end, EXPORT_CHUNK)
        yield tuple(chunk)
        if end is None:
            return
        after = end


def _end_of_chunk(campaign_id: int, after: int) -> int | None:
    found = database.rows(END, {"campaign": campaign_id, "after": after, "stretch": EXPORT_CHUNK})
    return found[0][0] if found else None
