"""Events become rows, once each, with all that follows from them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from campaigns import failpoints
from delivery import metrics
from tracking import arrays, engagement, hooks, ledger, partitions, rollups, rules, sql, who
from tracking.occurrence import Occurrence

log = logging.getLogger(__name__)

# most events that overtake their e-mail's record do it by less than a second
FIRST_WAIT_SECONDS = 2
# fewer are staged: a savepoint costs two round trips, and most of what is told twice comes in few events at a time
STRAIGHT_FROM = 100
# of COPY's text format
NULL = "\\N"
# an event and what the ledger says of its e-mail
Placed = tuple[Occurrence, ledger.Known | None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of some events; those in none of the three had been recorded before. waiting: ids of the parked."""

    new: int = 0
    waiting: tuple[UUID, ...] = ()
    aside: int = 0


def record(occurrences: Sequence[Occurrence], *, park: bool = True) -> Recorded:
    """Insert the events, fill the ledger, add the roll-ups. Call inside a transaction; a second call does nothing.

    park: events whose e-mail is not recorded yet wait for it; otherwise they are recorded as they are.
    """
    if not occurrences:
        return Recorded()
    with connection.cursor() as cursor:
        cursor.execute(sql.SHARE_EVENTS)
    # a UUID's own hash is a call
    unique = {occurrence.id.int: occurrence for occurrence in occurrences}.values()
    placed, astray = _by_month(unique)
    early: list[Occurrence] = []
    ready: list[Placed] = []
    for occurrence, row in zip(placed, ledger.look_up(placed), strict=True):
        if park and ledger.overtakes(occurrence, row):
            early.append(occurrence)
        else:
            ready.append((occurrence, row))
    fresh = _insert(_judged(ready))
    rollups.add(fresh)
    engagement.add(fresh)
    ledger.mark(fresh)
    hooks.enqueue(fresh)
    _park(early)
    set_aside([(occurrence.encode(), "no partition for its month") for occurrence in astray])
    failpoints.hit("record_before_commit")
    return Recorded(len(fresh), tuple(occurrence.id for occurrence in early), len(astray))


def set_aside(entries: Sequence[tuple[str, str]]) -> None:
    """Keep entries (payload, reason) that the event table does not take; logged and counted."""
    if not entries:
        return
    payloads = [payload.replace("\0", "") for payload, _ in entries]
    with connection.cursor() as cursor:
        cursor.execute(sql.SET_ASIDE, {"payloads": payloads, "reasons": [reason for _, reason in entries]})
    log.warning("%s events set aside, the first because: %s", len(entries), entries[0][1])
    metrics.add("tracking_events_aside_total", len(entries))


def _by_month(occurrences: Iterable[Occurrence]) -> tuple[list[Occurrence], list[Occurrence]]:
    months = partitions.months()
    placed: list[Occurrence] = []
    astray: list[Occurrence] = []
    for occurrence in occurrences:
        at = occurrence.at
        (placed if (at.year, at.month) in months else astray).append(occurrence)
    return placed, astray


def _judged(ready: list[Placed]) -> list[Placed]:
    """The events with what only the ledger and the neighbours tell about who made them."""
    clicks = [
        who.Click(ledger.key_of(o), o.at, o.link_number, place, rules.visit_of(o), row.delivered_at if row else None)
        for place, (o, row) in enumerate(ready)
        if o.kind == "click" and o.who != "machine" and o.link_number is not None
    ]
    for place, verdict in rules.current().judge(clicks).items():
        occurrence, row = ready[place]
        ready[place] = occurrence._replace(who=verdict.who, who_reason=verdict.reason), row
    return ready


def _insert(events: list[Placed]) -> list[Placed]:
    """Write the events with the provider of their e-mail; those that were not in the table before."""
    if not events:
        return []
    lines = "".join([_line(occurrence, row) for occurrence, row in events])
    if len(events) >= STRAIGHT_FROM and _copy_straight(lines):
        return events
    with connection.cursor() as cursor:
        cursor.execute(sql.STAGE)
        cursor.execute(sql.EMPTY_STAGE)
        _copy(sql.COPY_STAGE, lines)
        cursor.execute(sql.INSERT_EVENTS)
        if cursor.rowcount == len(events):
            return events
        new: set[UUID] = {row_id for (row_id,) in cursor.fetchall()}
    return [placed for placed in events if placed[0].id in new]


def _copy_straight(lines: str) -> bool:
    """Write the lines into the table itself; False, and nothing written, where one of them was there before.

    That is rare, a drain that was killed before it acknowledged, and looking for it costs half as much as the rest.
    """
    try:
        with transaction.atomic():
            _copy(sql.COPY_EVENTS, lines)
    except IntegrityError:
        return False
    return True


def _copy(statement: str, lines: str) -> None:
    # Django does not translate the errors of COPY by itself
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(lines)
    failpoints.hit("drain_after_copy")


def _line(o: Occurrence, email: ledger.Known | None) -> str:
    """One line of COPY, in the order of sql.COLUMNS. Written here: psycopg takes five times as long for a row."""
    kind, at, event_id, campaign_id, message_id, lead_id, provider_id, link_number, by, reason, agent, network, data = o
    if provider_id is None and email:
        provider_id = email.provider_id
    texts = f"{kind}\t{by}\t{reason}\t{agent}\t{network}"
    if "\\" in texts or "\n" in texts or "\r" in texts:
        texts = texts.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    kept = NULL if data is None else json.dumps(o.kept_data()).replace("\\", "\\\\")
    # no text holds a tab: `happened` has taken them out, and what was decoded was split by them
    return (
        f"{arrays.time(at)}\t{event_id.int:032x}\t{NULL if campaign_id is None else campaign_id}"
        f"\t{NULL if message_id is None else message_id}\t{NULL if lead_id is None else lead_id}"
        f"\t{NULL if provider_id is None else provider_id}\t{NULL if link_number is None else link_number}"
        f"\t{texts}\t{kept}\n"
    )


def _park(early: Sequence[Occurrence]) -> None:
    if not early:
        return
    ids = [occurrence.id for occurrence in early]
    payloads = [occurrence.encode() for occurrence in early]
    with connection.cursor() as cursor:
        cursor.execute(sql.PARK, {"ids": ids, "payloads": payloads, "wait": FIRST_WAIT_SECONDS})
