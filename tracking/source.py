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
NAME = FIELD.encode()
ROUND_ENTRIES = 10_000


class Entry(NamedTuple):
    """One entry of a stream: its place there, and its text as it came."""

    place: bytes
    text: str


class Source:
    """One stream, read as the only consumer of its group."""

    def __init__(self, session: redis.Redis, name: str) -> None:
        self._session = session
        self._name = name
        # thousands of entries as they came: to make a dictionary of each takes longer than reading it
        for command in ("XREADGROUP", "XAUTOCLAIM"):
            session.set_response_callback(command, _as_it_came)

    def rounds(self, deadline: float) -> Iterator[list[Entry]]:
        """Entries in order, up to 10,000 at once: first what a drainer read and did not acknowledge, then new ones."""
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
        self._session.xack(self._name, GROUP, *places)
        # An answer that was lost on its way leaves entries read and not acknowledged before these; they stay. What is
        # read after this look stands behind them all.
        oldest = self._session.xpending(self._name, GROUP)["min"]
        time_ms, number = _number(places[-1])
        until = (time_ms, number + 1)
        if oldest is not None:
            until = min(until, _number(oldest))
        self._session.xtrim(self._name, minid=f"{until[0]}-{until[1]}", approximate=False)

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
        if not found:
            return []
        # one stream: a dictionary in version 3 of Redis' protocol, pairs in version 2
        return _entries(next(iter(found.values())) if isinstance(found, dict) else found[0][1])


def _number(place: bytes) -> tuple[int, int]:
    """A place in the stream's order."""
    time_ms, _, number = place.decode().partition("-")
    return int(time_ms), int(number)


def _as_it_came(response: Any, **_options: Any) -> Any:
    return response


def _entries(raw: Sequence[tuple[bytes, list[bytes]]]) -> list[Entry]:
    return [Entry(place, _text(fields).decode(errors="replace")) for place, fields in raw]


def _text(fields: list[bytes]) -> bytes:
    """The field that holds the occurrence; what we write has no other."""
    if len(fields) == 2 and fields[0] == NAME:
        return fields[1]
    return dict(zip(fields[::2], fields[1::2], strict=True)).get(NAME, b"")
