"""Operators' rules for replies, read from the database into a `Classifier`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection as django_connection

from delivery.database import AsyncConnection
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule, compile_rule
from delivery.models import ReplyRule

logger = logging.getLogger(__name__)

_current = BUILT_IN

# kinds that an operator should hear of, whoever wrote the rule
ALERTING = frozenset({Kind.BLOCK, Kind.SENDER})

# reply_rule_stamp: tells whether any rule was added, changed or deleted. Cost: 0.1 ms for some tens of rows.
STAMP = """
SELECT count(*), coalesce(sum(id), 0), coalesce(max(updated_at)::text, '') FROM delivery_replyrule
"""

# reply_rules: active rules in the order in which they are looked at; a few rows, read only when the stamp changed.
COLUMNS = (
    "name", "outcome", "reason", "codes", "enhanced", "phrases", "unless", "mailbox_group", "provider_id",
    "pause_minutes",
)  # fmt: skip
READ = f"""
SELECT {", ".join(COLUMNS)} FROM delivery_replyrule WHERE is_active ORDER BY position, name
"""  # noqa: S608 - names of columns, no values


async def load_classifier(connection: AsyncConnection, known: Classifier = BUILT_IN) -> Classifier:
    """The rules as they are now: `known` itself where nothing has changed since it was made, else a new object.

    Cheap enough to be asked every few seconds. Raises what a lost server raises.
    """
    row = await (await connection.execute(STAMP)).fetchone()
    stamp = _stamp(row)
    if stamp == known.stamp:
        return known
    return _classifier(await (await connection.execute(READ)).fetchall(), stamp)


def load_classifier_sync(known: Classifier = BUILT_IN) -> Classifier:
    """As `load_classifier`, over Django's connection: for pages and commands."""
    with django_connection.cursor() as cursor:
        cursor.execute(STAMP)
        stamp = _stamp(cursor.fetchone())
        if stamp == known.stamp:
            return known
        cursor.execute(READ)
        return _classifier(cursor.fetchall(), stamp)


def current() -> Classifier:
    """The rules as they are now, kept by this process: for pages."""
    global _current
    _current = load_classifier_sync(_current)
    return _current


def load_without(row: ReplyRule) -> Classifier:
    """The rules as they would be without this one."""
    others = ReplyRule.objects.filter(is_active=True).exclude(pk=row.pk)
    return Classifier(own=_readable(map(rule_of, others)))


def rule_of(row: ReplyRule) -> Rule:
    """The engine's rule of a row, saved or not."""
    return _rule([getattr(row, name) for name in COLUMNS])


def lines_of(text: str) -> tuple[str, ...]:
    """The phrases of a field: one a line, empty lines and space around them do not count."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _stamp(row: Sequence[Any] | None) -> str:
    # without any row the built-in table is what everybody has already
    return ":".join(map(str, row)) if row and row[0] else BUILT_IN.stamp


def _classifier(rows: Iterable[Sequence[Any]], stamp: str) -> Classifier:
    return Classifier(own=_readable(map(_rule, rows)), stamp=stamp)


def _readable(rules: Iterable[Rule]) -> list[Rule]:
    """Leave out what cannot be read: one bad row, written past the form, must not stop all mail."""
    kept = []
    for rule in rules:
        try:
            compile_rule(rule)
        except ValueError as error:
            logger.error("reply rule %s is left out: %s", rule.name, error)
        else:
            kept.append(rule)
    return kept


def _rule(row: Sequence[Any]) -> Rule:
    name, outcome, reason, codes, enhanced, phrases, unless, group, provider_id, pause_minutes = row
    kind = Kind(outcome)
    return Rule(
        name=name,
        kind=kind,
        reason=reason,
        codes=codes,
        enhanced=enhanced,
        phrases=lines_of(phrases),
        unless=lines_of(unless),
        group=group,
        provider_id=provider_id,
        pause_seconds=(pause_minutes or 0) * 60,
        alert=kind in ALERTING,
    )
