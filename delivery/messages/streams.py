"""Streams as the accepting and the sending side see them: read at most every few seconds a process."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.kept import Kept
from delivery.models import MessageStream

# how long a change in the admin may take to be in force
REREAD_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Stream:
    """See models.MessageStream."""

    name: str
    at_least_once: bool = False
    pool_id: int | None = None
    copy_days: int = 7


def _read() -> dict[str, Stream]:
    rows = MessageStream.objects.values_list("name", "at_least_once", "pool_id", "copy_days")
    return {MessageStream.DEFAULT: Stream(MessageStream.DEFAULT)} | {row[0]: Stream(*row) for row in rows}


# all streams by name; the default one is there even where its row was deleted
book = Kept(_read, seconds=REREAD_SECONDS)


def known(name: str) -> Stream:
    """What was last read of a stream; no I/O. A stream that is gone is as one with the default's habits."""
    rows = book.known() or {}
    return rows.get(name) or rows.get(MessageStream.DEFAULT) or Stream(name)
