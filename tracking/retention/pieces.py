"""What is old enough to go: whole partitions, found from the catalogue and the campaigns' own rows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from delivery.models.email import CAMPAIGNS_A_PARTITION
from tracking.models import RetentionPolicy
from tracking.retention import sql

EMAILS, EVENTS, MESSAGES = "emails", "events", "messages"
# a month of messages goes with the month of their histories
BY_MONTH = {"tracking_event": EVENTS, "delivery_message": MESSAGES, "delivery_messageevent": MESSAGES}
_MONTH = re.compile(r"_([0-9]{4})_([0-9]{2})$")
_BLOCK = re.compile(r"^delivery_email_b([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Piece:
    """One partition. low, high: ids of its campaigns, [low, high), for e-mails. first_day: of its month, for others."""

    kind: str
    parent: str
    partition: str
    oid: int
    words: str
    size_bytes: int
    low: int | None = None
    high: int | None = None
    first_day: dt.date | None = None


def due(policy: RetentionPolicy, today: dt.date) -> list[Piece]:
    """Everything that the policy lets go today, the oldest of each kind first."""
    found = list(_months("tracking_event", policy.event_months, today))
    if policy.email_months:
        found += _blocks(months_before(today, policy.email_months))
    for parent in ("delivery_message", "delivery_messageevent"):
        found += _months(parent, policy.message_months, today)
    return found


def months_before(today: dt.date, months: int) -> dt.date:
    """The first day of the month that lies `months` back: 1 keeps this month and the last one whole."""
    place = today.year * 12 + today.month - 1 - months
    return dt.date(place // 12, place % 12 + 1, 1)


def _months(parent: str, months: int, today: dt.date) -> Iterator[Piece]:
    if not months:
        return
    before = months_before(today, months)
    for name, oid, size_bytes in _partitions(parent):
        matched = _MONTH.search(name)
        first_day = dt.date(int(matched[1]), int(matched[2]), 1) if matched else before
        if first_day < before and not (parent == "delivery_message" and _is_under_way(name)):
            kind = BY_MONTH[parent]
            what = "histories of messages" if parent == "delivery_messageevent" else kind
            yield Piece(kind, parent, name, oid, f"{what} of {first_day:%B %Y}", size_bytes, first_day=first_day)


def _blocks(before: dt.date) -> Iterator[Piece]:
    values: dict[str, Any] = {"block": CAMPAIGNS_A_PARTITION, "before": dt.datetime.combine(before, dt.time(), dt.UTC)}
    with connection.cursor() as cursor:
        cursor.execute(sql.KEPT_BLOCKS, values)
        kept = {block for (block,) in cursor.fetchall()}
        cursor.execute(sql.USED_BLOCKS, values)
        gone = {block for (block,) in cursor.fetchall()} - kept
    for name, oid, size_bytes in _partitions("delivery_email"):
        matched = _BLOCK.match(name)
        if matched and int(matched[1]) in gone and not emails_wait(name):
            low = int(matched[1]) * CAMPAIGNS_A_PARTITION
            high = low + CAMPAIGNS_A_PARTITION
            words = f"e-mails of the campaigns {low} to {high - 1}"
            yield Piece(EMAILS, "delivery_email", name, oid, words, size_bytes, low, high)


def _partitions(parent: str) -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.PARTITIONS, {"parent": parent})
        found: list[tuple[str, int, int]] = cursor.fetchall()
        return found


def emails_wait(partition: str) -> bool:
    """Whether e-mails of this partition, attached or not, wait for another attempt."""
    return _is_any(sql.EMAILS_UNDER_WAY, partition)


def _is_under_way(partition: str) -> bool:
    return _is_any(sql.MESSAGES_UNDER_WAY, partition)


def _is_any(statement: str, partition: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(partition=connection.ops.quote_name(partition)))
        return bool(cursor.fetchone()[0])
