"""Streams as the accepting and the sending side see them: read at most every few seconds a process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

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


class StreamBook:
    """All streams by name. The default one is there even where its row was deleted."""

    def __init__(self) -> None:
        self._rows: dict[str, Stream] = {}
        self._read_at = float("-inf")

    def all(self) -> Mapping[str, Stream]:
        """Blocking where it is time to read: not for a running loop; see `known`."""
        if time.monotonic() >= self._read_at + REREAD_SECONDS:
            rows = MessageStream.objects.values_list("name", "at_least_once", "pool_id", "copy_days")
            self._rows = {MessageStream.DEFAULT: Stream(MessageStream.DEFAULT)} | {row[0]: Stream(*row) for row in rows}
            self._read_at = time.monotonic()
        return self._rows

    def known(self, name: str) -> Stream:
        """What was last read of a stream; no I/O. A stream that is gone is as one with the default's habits."""
        return self._rows.get(name) or self._rows.get(MessageStream.DEFAULT) or Stream(name)

    def expire(self) -> None:
        """Let the next look read the rows, however young they are."""
        self._read_at = float("-inf")


book = StreamBook()
