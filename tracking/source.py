"""Reading one Redis stream as the only consumer of its group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import redis

from delivery.stop import is_stopping
from tracking.stream import FIELD

GROUP = "drain"
CONSUMER = "drain"
ROUND_ENTRIES = 5000


class Entry(NamedTuple):
    """One entry of a stream: its place there, and its text as it came."""

    place: bytes
    text: str


class Source:
    """One stream, read as the only consumer of its group."""

    def __init__(self, session: redis.Redis, name: str) -> None:
        self._session = session
        self._name = name

    def rounds(self, deadline: float) -> Iterator[list[Entry]]:
        """Entries in order, up to 5,000 at a time: first what a drainer read and did not acknowledge, then new ones."""
        self._make_group()
        for read in (self._stale, self._new):
            entries = read()
            while entries:
                yield entries
                if time.monotonic() >= deadline or is_stopping():
                    return
                entries = read()

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Forget entries whose events are committed."""
        places = [entry.place for entry in entries]
        with self._session.pipeline(transaction=True) as pipeline:
            pipeline.xack(self._name, GROUP, *places)
            pipeline.xdel(self._name, *places)
            pipeline.execute()

    def _make_group(self) -> None:
        try:
            self._session.xgroup_create(self._name, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _stale(self) -> list[Entry]:
        """Pending entries, however young: under the lock nobody alive is working on them."""
        start: Any = "0-0"
        while True:
            start, entries, _ = self._session.xautoclaim(
                self._name, GROUP, CONSUMER, min_idle_time=0, start_id=start, count=ROUND_ENTRIES
            )
            # a page may hold only entries that were trimmed away meanwhile
            if entries or start in (b"0-0", "0-0"):
                return _entries(entries)

    def _new(self) -> list[Entry]:
        found: Any = self._session.xreadgroup(GROUP, CONSUMER, {self._name: ">"}, count=ROUND_ENTRIES)
        return _entries(found[0][1]) if found else []


def _entries(raw: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry]:
    return [Entry(place, fields.get(FIELD.encode(), b"").decode(errors="replace")) for place, fields in raw]
