"""Reading messages: one by its id, many by what people and programs ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from delivery.dead.change import change as change_dead
from delivery.dead.rows import Key, Source
from delivery.messages import events, sql
from delivery.messages.months import around
from delivery.models import DeadDecision, Message, MessageEvent

# everything but what a message says: a row in a list is 300 bytes instead of kilobytes
HEAVY = ("content", "content_digest", "data", "headers")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which messages are wanted; what is empty or None lets all through. address: whole, as it is stored."""

    address: str = ""
    statuses: Sequence[str] = ()
    tag: str = ""
    stream: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def find(message_id: int) -> Message | None:
    """The message, without what it says; as fast with five years of messages as with a month of them."""
    return Message.objects.filter(around(message_id)).defer(*HEAVY).first()


def history(message: Message) -> list[MessageEvent]:
    """What happened to it, oldest first."""
    return list(MessageEvent.objects.filter(message_id=message.id, at__gte=message.created_at).order_by("at"))


def page(asked: Asked, before: int | None, limit: int) -> list[Message]:
    """Up to `limit` messages with ids below `before`, newest first."""
    rows = _filtered(Message.objects.defer(*HEAVY), asked)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def _filtered(rows: QuerySet[Message], asked: Asked) -> QuerySet[Message]:
    if asked.address:
        rows = rows.filter(to_address=asked.address)
    if asked.statuses:
        rows = rows.filter(status__in=asked.statuses)
    if asked.tag:
        rows = rows.filter(tags__contains=[asked.tag])
    if asked.stream:
        rows = rows.filter(stream=asked.stream)
    if asked.since:
        rows = rows.filter(created_at__gte=asked.since)
    if asked.until:
        rows = rows.filter(created_at__lt=asked.until)
    return rows


def cancel(message_id: int, reason: str) -> bool:
    """Call a message back that no worker has taken up yet; False where it is too late."""
    return bool(events.change(sql.CANCEL, {"ids": [message_id], "reason": reason[:500]}))


def retry_dead(message_id: int) -> bool:
    """Let a dead message have all its tries again; False where it is not dead."""
    return bool(change_dead(Source.MESSAGES, DeadDecision.Action.REQUEUE, [Key(0, message_id)]))
