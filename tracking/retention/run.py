"""What beat and the command call: look what may go, and remove it."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.db import connection
from django.urls import reverse

from campaigns.alone import alone
from delivery import alerts
from delivery.stop import is_stopping
from tracking.models import RetentionDrop, RetentionPolicy
from tracking.retention import drop, pieces, sql
from tracking.retention.pieces import Piece

log = logging.getLogger(__name__)


@dataclass
class Applied:
    """removed: what went, in words. pruned: rows by what they were. trouble: why something stayed."""

    removed: list[str] = field(default_factory=list)
    pruned: dict[str, int] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)


def policy() -> RetentionPolicy:
    """What is kept for how long; everything for ever where nobody has said otherwise."""
    return RetentionPolicy.objects.filter(pk=1).first() or RetentionPolicy()


def preview(chosen: RetentionPolicy | None = None, today: dt.date | None = None) -> list[Piece]:
    """What a run would remove now, by this policy or by the one that is saved."""
    return pieces.due(chosen or policy(), today or dt.datetime.now(dt.UTC).date())


def apply(today: dt.date | None = None) -> Applied:
    """Remove what may go. Outside of a transaction. A second run at the same time does nothing.

    A piece that cannot go (it is being read, or its export fails) stays for the next run, and does not hold the others
    up; operators are told.
    """
    applied = Applied()
    with alone(sql.RUN_LOCK) as is_alone:
        if not is_alone:
            return applied
        chosen = policy()

        def is_due(piece: Piece) -> bool:
            return piece.oid in {one.oid for one in preview(chosen, today)}

        _finish_begun(applied)
        for piece in preview(chosen, today):
            if is_stopping():
                return applied
            removal = partial(drop.remove, piece, exports_first=chosen.exports_first, still_due=is_due)
            _guarded(applied, piece.words, removal)
        applied.pruned = _prune(chosen)
    if applied.trouble:
        _tell(applied.trouble)
    return applied


def finish_begun() -> Applied:
    """Carry removals of e-mails on that were broken off: no draft of a block that is half removed can be launched.

    Outside of a transaction, and beside a run that exports for an hour: the lock of a block keeps the two apart.
    """
    applied = Applied()
    _finish_begun(applied, kind=pieces.EMAILS)
    return applied


def _finish_begun(applied: Applied, **only: str) -> None:
    for begun in RetentionDrop.objects.filter(dropped_at=None, **only).order_by("pk"):
        _guarded(applied, begun.words, partial(drop.finish, begun, _parent_of(begun.partition)))


def _guarded(applied: Applied, words: str, work: Callable[[], object]) -> None:
    try:
        work()
    except drop.StillRead as error:
        # usual now and then: the next run does it
        log.warning("%s", error)
        applied.trouble.append(str(error))
    except Exception as error:  # an exporter may raise anything: what it could not write is kept
        log.exception("%s stay", words)
        applied.trouble.append(f"{words} stay: {error}")
    else:
        applied.removed.append(words)


def _parent_of(partition: str) -> str:
    return max(
        (parent for parent in ("delivery_email", *pieces.BY_MONTH) if partition.startswith(f"{parent}_")), key=len
    )


def _prune(chosen: RetentionPolicy) -> dict[str, int]:
    values = {"alert_days": chosen.alert_days, "aside_days": chosen.aside_days, "limit": drop.ROWS_A_STEP}
    gone: dict[str, int] = {}
    for what, statement in sql.PRUNE.items():
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            gone[what] = cursor.rowcount
            while cursor.rowcount == drop.ROWS_A_STEP and not is_stopping():
                cursor.execute(statement, values)
                gone[what] += cursor.rowcount
    return {what: count for what, count in gone.items() if count}


def _tell(trouble: list[str]) -> None:
    alerts.raise_alert(
        key="retention",
        subject="Old details could not be removed",
        text="\n\n".join(trouble[:10]),
        link=reverse("admin:tracking_retentionpolicy_changelist"),
    )
