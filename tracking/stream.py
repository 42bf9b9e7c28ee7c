"""The Redis streams between the public doors and PostgreSQL: the writing side.

EVENTS takes opens and clicks, which may be lost with the broker. PRIORITY takes unsubscribes, bounces, complaints and
proofs of delivery while PostgreSQL is away; its entries are waited for until they are on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from delivery import metrics
from tracking.appender import Appender
from tracking.occurrence import Occurrence

log = logging.getLogger(__name__)

EVENTS = "massmailer:events"
PRIORITY = "massmailer:events:priority"
# the field of an entry that holds the encoded occurrence
FIELD = "e"
# ~200 bytes an entry: 600 MB when nobody has drained for hours; then the oldest go
MAX_ENTRIES = 3_000_000

TIMEOUT_SECONDS = 0.5
# after a time-out the next requests do not wait for Redis at all
PAUSE_SECONDS = 1.0
LOG_EVERY_SECONDS = 1.0
# what a process keeps while Redis does not answer (6 MB), and how many of them go along with the next event
MAX_KEPT = 20_000
FLUSHED_AT_ONCE = 500
# Redis writes its append-only file to disk once a second: waiting for that takes a second at most
FSYNC_WAIT_MS = 2000
PRIORITY_TIMEOUT_SECONDS = 3.0


class StreamAway(Exception):
    """The entry is not safely in the stream. Answer that the request should be made again later (503)."""


@lru_cache(maxsize=4)
def client(url: str, timeout_seconds: float) -> redis.Redis:
    """A client with its own pool for this process. One new connection is tried where a pooled one turns out dead."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 1.0),
        # a second XADD of the same occurrence has the same id and is recorded once
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


def is_away() -> bool:
    """Whether Redis did not answer in time a moment ago: nobody should wait for it now."""
    return time.monotonic() < _away.until


def append(occurrence: Occurrence) -> bool:
    """Put an event on the stream; False where Redis is away: this process keeps it then, for its next event.

    Never raises for that. Waits a second at most, and not at all in the second after a time-out. What is kept goes with
    the process; of more than 20,000 the oldest are lost, logged and counted.
    """
    entry = Kept(occurrence.kind, occurrence.encode())
    if is_away():
        _away.keep([entry], "paused after a time-out")
        return False
    entries = [*_away.take(), entry]
    try:
        _appender(settings.REDIS_URL).append([one.text for one in entries])
    except redis.TimeoutError as error:
        _away.until = time.monotonic() + PAUSE_SECONDS
        _away.keep(entries, str(error))
        return False
    except redis.RedisError as error:
        _away.keep(entries, str(error))
        return False
    return True


class Kept(NamedTuple):
    """An event as the stream takes it. A second XADD of the same one is recorded once: its id is inside."""

    kind: str
    text: str


@lru_cache(maxsize=4)
def _appender(url: str) -> Appender:
    return Appender(lambda: client(url, TIMEOUT_SECONDS), name=EVENTS, field=FIELD, most=MAX_ENTRIES)


def append_safely(occurrence: Occurrence) -> None:
    """Put an event on the priority stream and wait until Redis has it on disk. Raises StreamAway where it has not.

    A Redis without an append-only file cannot promise that; it is taken at its word, with a warning.
    """
    append_all_safely([occurrence])


def append_all_safely(occurrences: Sequence[Occurrence]) -> None:
    """Put events on the priority stream and wait once until Redis has all of them on disk. Raises StreamAway where it
    has not: some may be there then, and are recorded once however often they come.
    """
    session = client(settings.REDIS_URL, PRIORITY_TIMEOUT_SECONDS)
    try:
        # one connection for all: WAITAOF looks back at the writes of its own connection
        with session.pipeline(transaction=False) as pipeline:
            for occurrence in occurrences:
                pipeline.xadd(PRIORITY, {FIELD: occurrence.encode()})
            pipeline.execute_command("WAITAOF", 1, 0, FSYNC_WAIT_MS)
            *added, synced = pipeline.execute(raise_on_error=False)
    except redis.RedisError as error:
        raise StreamAway(str(error)) from error
    failed = next((one for one in added if isinstance(one, Exception)), None)
    if failed is not None:
        raise StreamAway(str(failed)) from failed
    if isinstance(synced, Exception):
        log.warning("events wait in Redis, which does not say when they are on disk: %s", synced)
    elif synced[0] < 1:
        raise StreamAway("Redis has not written its append-only file in time")


class _Away:
    """What is kept while Redis is away, with one line in the log a second instead of one an event."""

    def __init__(self) -> None:
        self.until = 0.0
        self._kept: deque[Kept] = deque()
        self._logged_at = 0.0
        self._lost = 0
        self._lock = threading.Lock()

    def take(self) -> list[Kept]:
        """Some of what is kept, the oldest first: they go along with an event that is new."""
        if not self._kept:
            return []
        with self._lock:
            return [self._kept.popleft() for _ in range(min(len(self._kept), FLUSHED_AT_ONCE))]

    def keep(self, entries: Sequence[Kept], reason: str) -> None:
        with self._lock:
            self._kept.extend(entries)
            while len(self._kept) > MAX_KEPT:
                metrics.add("tracking_events_lost_total", kind=self._kept.popleft().kind)
                self._lost += 1
            now = time.monotonic()
            if now - self._logged_at < LOG_EVERY_SECONDS:
                return
            lost, self._lost, self._logged_at, kept = self._lost, 0, now, len(self._kept)
        log.warning("the event stream is away, %s events are kept here, %s lost: %s", kept, lost, reason)


_away = _Away()
