"""Removing one partition without holding anybody up, in steps that a crash may come between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from django.db.models.functions import Now

from campaigns.alone import alone
from delivery import partitions
from delivery.models.email import CAMPAIGNS_A_PARTITION
from tracking.models import RetentionDrop
from tracking.retention import export, sql
from tracking.retention.pieces import EMAILS, Piece, emails_wait

log = logging.getLogger(__name__)

# a detach waits for every transaction that is open: the longest is an import or a report
DETACH_SECONDS = 60
# nobody uses a table that is detached; whoever does makes us come back tomorrow
LOCK_SECONDS = 2
ROWS_A_STEP = 5000


class StillRead(RuntimeError):
    """Somebody has the partition open for long. Nothing is lost: the next run goes on where this one stopped."""


def remove(piece: Piece, *, exports_first: bool, still_due: Callable[[Piece], bool]) -> RetentionDrop:
    """Export where that is wanted, detach, drop, and note it. Outside of a transaction.

    still_due: asked after the export, which may take an hour: a draft may have been launched meanwhile.
    Raises StillRead, or what the export raises (nothing is removed then).
    """
    exported_to = export.export(piece) if exports_first else ""
    with _without_launches(piece):
        if not still_due(piece):
            raise StillRead(f"{piece.words} are needed again and stay")
        drop = RetentionDrop.objects.create(
            kind=piece.kind, partition=piece.partition, oid=piece.oid, words=piece.words, low=piece.low,
            high=piece.high, size_bytes=piece.size_bytes, exported_to=exported_to,
        )  # fmt: skip
        _finish(drop, piece.parent)
    return drop


def finish(drop: RetentionDrop, parent: str) -> None:
    """Carry a removal that has begun to its end, unless somebody else just has. Raises StillRead."""
    with _without_launches(drop):
        begun = RetentionDrop.objects.filter(pk=drop.pk, dropped_at=None).first()
        if begun is not None:
            _finish(begun, parent)


@contextmanager
def _without_launches(of: Piece | RetentionDrop) -> Iterator[None]:
    """No draft of the block is launched meanwhile. Raises StillRead where one is just being launched.

    A launch that has found its block attached would else commit into a block that is gone.
    """
    if of.low is None:
        yield
        return
    with alone(partitions.block_lock(of.low // CAMPAIGNS_A_PARTITION)) as is_alone:
        if not is_alone:
            raise StillRead(f"{of.words} stay: one of the campaigns is being launched")
        yield


def _finish(drop: RetentionDrop, parent: str) -> None:
    quote = connection.ops.quote_name
    names = {"parent": quote(parent), "child": quote(drop.partition), "low": drop.low, "high": drop.high}
    standing = _standing(drop, parent)
    try:
        if standing and standing[0] is not None:
            # a detach that was broken off is only finished, not begun again
            _run((sql.FINALIZE if standing[0] else sql.DETACH).format(**names), statement_seconds=DETACH_SECONDS)
        if standing and _still_sends(drop):
            # a person tried dead letters again just before: what is sent of them needs its place
            _run(sql.ATTACH.format(**names), statement_seconds=DETACH_SECONDS)
            drop.delete()
            raise StillRead(f"{drop.words} are needed again and stay")
        if standing:
            _run(sql.DROP.format(**names), statement_seconds=DETACH_SECONDS, lock_seconds=LOCK_SECONDS)
    except OperationalError as error:
        raise StillRead(f"{drop.words} are being read, and are removed by the next run: {error}") from error
    if drop.kind == EMAILS:
        _forget(drop)
    RetentionDrop.objects.filter(pk=drop.pk).update(dropped_at=Now())
    log.info("removed: %s (%s bytes)", drop.words, drop.size_bytes)


def _still_sends(drop: RetentionDrop) -> bool:
    if drop.kind != EMAILS:
        return False
    with connection.cursor() as cursor:
        cursor.execute(sql.STILL_SENDS, {"low": drop.low, "high": drop.high})
        still_sends = bool(cursor.fetchone()[0])
    return still_sends or emails_wait(drop.partition)


def _run(statement: str, *, statement_seconds: int, lock_seconds: int = 0) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{statement_seconds}s'; SET lock_timeout = '{lock_seconds}s'")
        try:
            cursor.execute(statement)
        finally:
            if connection.is_usable():
                cursor.execute("RESET statement_timeout; RESET lock_timeout")


def _standing(drop: RetentionDrop, parent: str) -> tuple[bool | None] | None:
    """None where the table is gone; else None in it where it is detached, and whether its detach was broken off."""
    with connection.cursor() as cursor:
        cursor.execute(sql.STANDING, {"parent": parent, "oid": drop.oid, "child": drop.partition})
        found: tuple[bool | None] | None = cursor.fetchone()
        return found


def _forget(drop: RetentionDrop) -> None:
    """What hangs on the e-mails of a block, step by step."""
    values = {"low": drop.low, "high": drop.high, "limit": ROWS_A_STEP}
    for statement in sql.FORGET.values():
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            while cursor.rowcount == ROWS_A_STEP:
                cursor.execute(statement, values)
