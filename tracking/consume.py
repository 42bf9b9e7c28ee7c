"""From the Redis streams into PostgreSQL: in bulk, the urgent first, acknowledged after commit."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from campaigns import failpoints
from campaigns.alone import alone
from delivery import metrics
from delivery.stop import is_stopping
from tracking import optout, rules, sql, stream
from tracking.occurrence import EntryUnreadable, Occurrence, decode
from tracking.record import record, set_aside
from tracking.source import ROUND_ENTRIES, Entry, Source

log = logging.getLogger(__name__)

# the drain shares its worker with the sweeper, which must come round about every second
DRAIN_SECONDS = 2.0
REDIS_TIMEOUT_SECONDS = 5.0
PARKED_PATIENCE_SECONDS = 3 * 24 * 3600
# what the table does not take; everything else is trouble of the moment and is tried again
BadEvent = (DataError, IntegrityError)


class Parked(NamedTuple):
    """An event that waits for its e-mail's record; the columns of sql.DUE_PARKED."""

    id: UUID
    payload: str
    is_late: bool


@dataclass
class Drained:
    """What one drain did. entries: read and acknowledged, those recorded before included."""

    entries: int = 0
    new: int = 0
    parked: int = 0
    aside: int = 0


def drain(*, seconds: float = DRAIN_SECONDS) -> Drained:
    """Record what waits in the streams and among the parked, until nothing is left or the time is over.

    A second drain at the same time returns at once. Raises redis.RedisError and django.db.Error: what was not
    acknowledged is read again by the next drain, and recorded once.
    """
    drained = Drained()
    deadline = time.monotonic() + seconds
    with alone(sql.DRAIN_LOCK) as is_alone, _collector_resting():
        if not is_alone:
            return drained
        rules.publish_changes()
        session = stream.client(settings.REDIS_URL, REDIS_TIMEOUT_SECONDS)
        for source in (Source(session, stream.PRIORITY), Source(session, stream.EVENTS)):
            for entries in source.rounds(deadline):
                _record_entries(entries, drained)
                failpoints.hit("drain_after_commit")
                source.acknowledge(entries)
                failpoints.hit("drain_after_acknowledge")
                drained.entries += len(entries)
        _retry_parked(deadline, drained)
    return drained


@contextmanager
def _collector_resting() -> Iterator[None]:
    """No garbage collection meanwhile: the 100,000 objects of a round make no rings and end with it, but looking for
    some among them takes a third of the drain's processor time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _record_entries(entries: Sequence[Entry], drained: Drained) -> None:
    """Record entries in one transaction; where one of them is not fit for the table, halve until it stands alone."""
    try:
        with transaction.atomic():
            recorded = _record_round(entries)
    except BadEvent as error:
        if len(entries) > 1:
            middle = len(entries) // 2
            _record_entries(entries[:middle], drained)
            _record_entries(entries[middle:], drained)
            return
        with transaction.atomic():
            set_aside([(entries[0].text, str(error))])
        recorded = Drained(aside=1)
    drained.new += recorded.new
    drained.parked += recorded.parked
    drained.aside += recorded.aside


def _record_round(entries: Sequence[Entry]) -> Drained:
    readable, unreadable = _decoded(entry.text for entry in entries)
    events = []
    for occurrence in readable:
        if occurrence.kind in optout.KINDS:
            optout.apply(occurrence)
        else:
            events.append(occurrence)
    set_aside(unreadable)
    recorded = record(events)
    return Drained(0, recorded.new, len(recorded.waiting), recorded.aside + len(unreadable))


def _decoded(texts: Iterable[str]) -> tuple[list[Occurrence], list[tuple[str, str]]]:
    """The events, and what is none with its reason."""
    events: list[Occurrence] = []
    unreadable: list[tuple[str, str]] = []
    for text in texts:
        try:
            events.append(decode(text))
        except EntryUnreadable as error:
            unreadable.append((text, str(error)))
    return events, unreadable


def _retry_parked(deadline: float, drained: Drained) -> None:
    """Events that had overtaken their e-mail's record, once more."""
    more = True
    while more and time.monotonic() < deadline and not is_stopping():
        with transaction.atomic():
            more = _retry_parked_round(drained)


def _retry_parked_round(drained: Drained) -> bool:
    """True where more may be due."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DUE_PARKED, {"patience": PARKED_PATIENCE_SECONDS, "limit": ROUND_ENTRIES})
        rows = [Parked(*row) for row in cursor.fetchall()]
    if rows:
        drained.new += _record_parked(rows)
    return len(rows) == ROUND_ENTRIES


def _record_parked(rows: Sequence[Parked]) -> int:
    """How many were new. As `_record_entries`, in the caller's transaction."""
    try:
        with transaction.atomic():
            return _record_parked_round(rows)
    except BadEvent as error:
        if len(rows) > 1:
            middle = len(rows) // 2
            return _record_parked(rows[:middle]) + _record_parked(rows[middle:])
        set_aside([(rows[0].payload, str(error))])
        with connection.cursor() as cursor:
            cursor.execute(sql.DELETE_PARKED, {"ids": [rows[0].id]})
        return 0


def _record_parked_round(rows: Sequence[Parked]) -> int:
    events, unreadable = _decoded(row.payload for row in rows if not row.is_late)
    recorded = record(events)
    waiting = set(recorded.waiting)
    with connection.cursor() as cursor:
        cursor.execute(sql.POSTPONE_PARKED, {"ids": list(waiting)})
        cursor.execute(sql.DELETE_PARKED, {"ids": [row.id for row in rows if row.id not in waiting]})
    late, unreadable_late = _decoded(row.payload for row in rows if row.is_late)
    new = recorded.new + _give_up(late)
    set_aside(unreadable + unreadable_late)
    return new


def _give_up(late: Sequence[Occurrence]) -> int:
    """Record events whose e-mail was not recorded in three days, as they are; logged and counted."""
    if not late:
        return 0
    log.warning("%s events have waited three days for their e-mail's record, the first: %s", len(late), late[0])
    metrics.add("tracking_parked_expired_total", len(late))
    return record(late, park=False).new
