"""How often one network may call a public door. Above that it is asked to wait: 429 with Retry-After.

Counted in Redis for all web processes together, in windows of the clock. A process tells its counts in pieces of a
hundredth of the limit, so that most requests ask nobody; and a network that is over its limit costs nothing at all.
With Redis away each process counts for itself, so a limit is then reached later, never sooner.

    @limited("form")
    def subscribe(request): ...

The names and their limits stand in settings.PUBLIC_LIMITS.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, TypeVar

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.visitors import stranger

log = logging.getLogger(__name__)

PIECES = 100
# networks that a process keeps in mind: some 3 MB; whoever is forgotten begins a new piece
MAX_COUNTS = 10_000
TIMEOUT_SECONDS = 0.25
# after a failure nobody waits for Redis in the next seconds
PAUSE_SECONDS = 2.0

Key = Callable[[HttpRequest], str]
View = TypeVar("View", bound=Callable[..., HttpResponseBase])
# (requests, in how many seconds)
Rate = tuple[int, int]


def limited(name: str, *, by: Key = stranger) -> Callable[[View], View]:
    """A decorator for views: at most as many requests as PUBLIC_LIMITS[name] says for each value of `by`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return refusal(name, by(request)) or view(request, *args, **kwargs)

        return guarded  # type: ignore[return-value]

    return decorate


def refusal(name: str, key: str) -> HttpResponse | None:
    """Count one request; the answer where it is one too many, None where it may pass. An empty key always may."""
    if not key:
        return None
    wait_seconds = limiter.wait_seconds(name, key, settings.PUBLIC_LIMITS[name])
    return too_many(wait_seconds) if wait_seconds else None


def too_many(wait_seconds: int) -> HttpResponse:
    """The page that asks for patience."""
    response = HttpResponse(render_to_string("public/too_many.html", {"wait_seconds": wait_seconds}), status=429)
    response.headers["Retry-After"] = str(wait_seconds)
    response.headers["Cache-Control"] = "no-store, max-age=0"
    return response


@dataclass(slots=True)
class _Count:
    """Requests in one window. known: of all processes, as Redis said last; untold: ours since then."""

    window: int
    known: int = 0
    untold: int = 0


class Limiter:
    """The counts of one process. Threads share it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._lock = threading.Lock()
        self._paused_until = 0.0

    def wait_seconds(self, name: str, key: str, rate: Rate) -> int:
        """Count one request: 0 where it may pass, else the seconds until asking again makes sense, 1 or more."""
        amount, seconds = rate
        window, into = divmod(self._clock(), seconds)
        with self._lock:
            count = self._count(name, key, int(window))
            if count.known >= amount:
                return math.ceil(seconds - into)
            count.untold += 1
            if count.untold < max(1, amount // PIECES):
                return 0
            told, count.untold = count.untold, 0
        # another thread may tell its own piece meanwhile: both are added in Redis
        total = self._tell(f"public:{name}:{key}:{int(window)}", told, seconds)
        with self._lock:
            count.known = max(count.known, total) if total is not None else count.known + told
            return math.ceil(seconds - into) if count.known > amount else 0

    def forget(self) -> None:
        """Begin as a new process does: for tests."""
        with self._lock:
            self._counts.clear()
            self._paused_until = 0.0

    def _count(self, name: str, key: str, window: int) -> _Count:
        count = self._counts.get((name, key))
        if count is None or count.window != window:
            count = self._counts[name, key] = _Count(window)
            self._counts.move_to_end((name, key))
            if len(self._counts) > MAX_COUNTS:
                self._counts.popitem(last=False)
        return count

    def _tell(self, name: str, requests: int, seconds: int) -> int | None:
        """Add to the count of all processes and read it: one round trip. None with Redis away."""
        if time.monotonic() < self._paused_until:
            return None
        try:
            with _client(settings.REDIS_URL).pipeline(transaction=False) as pipeline:
                pipeline.incrby(name, requests)
                pipeline.expire(name, seconds + 1)
                return int(pipeline.execute()[0])
        except redis.RedisError as error:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            log.warning("Redis is away, public limits are counted by each process for itself: %s", error)
            return None


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        # one new connection where a pooled one turns out dead; a count told twice costs nobody anything
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


limiter = Limiter()
