"""Bounces, complaints and their kin: committed before anybody is answered, or kept in the priority stream."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from tracking import optout, record, stream
from tracking.occurrence import Occurrence

log = logging.getLogger(__name__)

# whoever hands these over waits for an answer: fall back to the stream before he gives up
STATEMENT_TIMEOUT_MS = 8000
LOCK_TIMEOUT_MS = 4000
DatabaseAway = (OperationalError, InterfaceError)
# what the tables do not take, whatever is done
BadEvent = (DataError, IntegrityError)


def take(occurrences: Sequence[Occurrence]) -> bool:
    """Record events with all that follows from them, durably. False where the priority stream keeps them for the drain.

    Taking the same events again changes nothing. One that no table takes is set aside and does not stop the others.
    Raises stream.StreamAway where neither PostgreSQL nor Redis could keep them: ask for them again later.
    """
    if not occurrences:
        return True
    try:
        _commit(occurrences)
    except DatabaseAway as error:
        log.warning("PostgreSQL is away, %s events go to the priority stream: %s", len(occurrences), error)
        stream.append_all_safely(occurrences)
        return False
    return True


def _commit(occurrences: Sequence[Occurrence]) -> None:
    """All in one transaction; where one is not fit for the tables, halve until it stands alone."""
    try:
        with transaction.atomic():
            _limit_waiting()
            _apply(occurrences)
    except BadEvent as error:
        if len(occurrences) > 1:
            middle = len(occurrences) // 2
            _commit(occurrences[:middle])
            _commit(occurrences[middle:])
            return
        with transaction.atomic():
            record.set_aside([(occurrences[0].encode(), str(error))])


def _apply(occurrences: Sequence[Occurrence]) -> None:
    for occurrence in occurrences:
        if occurrence.kind in optout.KINDS:
            optout.apply(occurrence)
    record.record([occurrence for occurrence in occurrences if occurrence.kind not in optout.KINDS])


def _limit_waiting() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
