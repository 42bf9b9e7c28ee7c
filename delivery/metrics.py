"""Counters of the sending processes, added up in Redis for whoever asks for /metrics.

The sender only adds to a dictionary; a thread of its own pushes the sums at most once a second. Redis away costs a
gap in a graph, never an e-mail: nothing here raises or waits in the caller.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import redis
from celery.signals import worker_process_shutdown, worker_shutdown
from django.conf import settings

log = logging.getLogger(__name__)

KEY = "massmailer:metrics"
PUSH_INTERVAL_SECONDS = 1.0
REDIS_TIMEOUT_SECONDS = 1.0
# upper bounds; what is above the last one is counted under "inf"
HISTOGRAMS: Mapping[str, tuple[float, ...]] = {
    "delivery_latency_seconds": (
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0
    ),
    "throttle_wait_seconds": (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0),
}  # fmt: skip
INFINITY = "inf"
SENT = "emails_sent_total"
LATENCY = "delivery_latency_seconds"
THROTTLE_WAIT = "throttle_wait_seconds"
# sums are kept in whole microseconds: Redis adds integers exactly
SUM = "_microseconds"
Labels = tuple[tuple[str, str], ...]


def add(name: str, n: int = 1, **labels: str) -> None:
    """Count `n` more of `name`, such as add("throttled_total", 50, group="gmail")."""
    _recorder.add({_field(name, tuple(sorted(labels.items()))): n})


def observe(name: str, seconds: float, n: int = 1, **labels: str) -> None:
    """Add `n` observations of `seconds` each to a histogram of HISTOGRAMS."""
    if not n:
        return
    pairs = tuple(sorted(labels.items()))
    bounds = HISTOGRAMS[name]
    place = bisect_left(bounds, seconds)
    bound = str(bounds[place]) if place < len(bounds) else INFINITY
    sums = {_field(name, (*pairs, ("le", bound))): n, _field(name + SUM, pairs): round(seconds * n * 1_000_000)}
    _recorder.add(sums)


def count_outcomes(stream: str, outcomes: Iterable[tuple[int | None, str]]) -> None:
    """Record what became of e-mails: pairs of provider and status of the ledger. 0.2 µs an e-mail in windows of 50.

    Call once the rows are committed. An e-mail that is tried again counts once for each outcome, "sent" at most once.
    """
    counted: dict[str, int] = {}
    for (provider_id, status), n in Counter(outcomes).items():
        name = _outcome_field(stream, provider_id, status)
        counted[name] = counted.get(name, 0) + n
    if counted:
        _recorder.add(counted)


@lru_cache(maxsize=1024)
def _outcome_field(stream: str, provider_id: int | None, status: str) -> str:
    outcome = "bounced" if status.startswith("bounced_") else status
    return _field(SENT, (("outcome", outcome), ("provider", str(provider_id or "")), ("stream", stream)))


def flush() -> None:
    """Push what this process has counted since the last second now. Waits for Redis a second at most."""
    _recorder.push()


@dataclass
class Histogram:
    """count_by_bound: how many fell into each bucket alone (not cumulated), by upper bound or "inf"."""

    bounds: tuple[float, ...]
    count_by_bound: dict[str, int] = field(default_factory=dict)
    sum_seconds: float = 0.0

    def cumulated(self) -> list[tuple[str, float]]:
        """Pairs of upper bound ("+Inf" for the last) and count of all up to it, as Prometheus wants them."""
        total, pairs = 0, []
        for bound in (*map(str, self.bounds), INFINITY):
            total += self.count_by_bound.get(bound, 0)
            pairs.append(("+Inf" if bound == INFINITY else bound, float(total)))
        return pairs


@dataclass(frozen=True)
class Snapshot:
    """Everything counted since Redis was last emptied. counters: (name, sorted label pairs) to value.

    histograms: by name, then by label pairs.
    """

    histograms: dict[str, dict[Labels, Histogram]] = field(default_factory=dict)
    counters: dict[tuple[str, Labels], int] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> int:
        """Sum of all counters of that name which carry these labels."""
        wanted = set(labels.items())
        return sum(n for (found, pairs), n in self.counters.items() if found == name and wanted <= set(pairs))


def read(client: redis.Redis) -> Snapshot:
    """What all processes have pushed. Raises redis.RedisError."""
    counters: dict[tuple[str, Labels], int] = {}
    histograms: dict[str, dict[Labels, Histogram]] = {
        name: defaultdict(lambda bounds=bounds: Histogram(bounds))  # type: ignore[misc]  # bound early, on purpose
        for name, bounds in HISTOGRAMS.items()
    }
    for raw_name, raw_value in client.hgetall(KEY).items():
        name, labels = _parse(raw_name)
        value = int(raw_value)
        if name in histograms:
            bound = labels.pop("le")
            histograms[name][_pairs(labels)].count_by_bound[bound] = value
        elif name.removesuffix(SUM) in histograms:
            histograms[name.removesuffix(SUM)][_pairs(labels)].sum_seconds = value / 1_000_000
        else:
            counters[name, _pairs(labels)] = value
    return Snapshot({name: dict(found) for name, found in histograms.items()}, counters)


def _pairs(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


@lru_cache(maxsize=1024)
def _field(name: str, pairs: Labels) -> str:
    return f"{name} {json.dumps(dict(pairs), sort_keys=True)}"


def _parse(raw: str | bytes) -> tuple[str, dict[str, str]]:
    name, _, labels = (raw if isinstance(raw, str) else raw.decode()).partition(" ")
    parsed: dict[str, str] = json.loads(labels)
    return name, parsed


class Recorder:
    """Sums of one process and the thread that pushes them. The thread starts with the first sum."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: a forked child owns neither its parent's sums nor its thread, lock and connection."""
        self._lock = threading.Lock()
        self._sums: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        self._client: redis.Redis | None = None
        self._filled = threading.Event()

    def add(self, sums: dict[str, int]) -> None:
        with self._lock:
            self._sums.update(sums)
            if self._thread is None:
                self._start()
        self._filled.set()

    def push(self) -> None:
        """Send the sums and forget them; they are kept for the next time where Redis was not reached."""
        with self._lock:
            sums, self._sums = self._sums, Counter()
        if not sums:
            return
        try:
            self._send(sums)
        except redis.ConnectionError as error:
            with self._lock:
                self._sums.update(sums)
            log.debug("metrics are kept for later: %s", error)
        except redis.RedisError as error:
            # a time-out may have come after Redis had added them: pushing again would count double
            log.warning("metrics of one second are lost: %s", error)

    def _send(self, sums: Counter[str]) -> None:
        if self._client is None:
            self._client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            )
        pipeline = self._client.pipeline(transaction=True)
        for name, n in sums.items():
            pipeline.hincrby(KEY, name, n)
        pipeline.execute()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had: the sums wait for the next call
            log.warning("metrics are not pushed: %s", error)
            return
        self._thread = thread

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            self._filled.wait()
            pause.wait(PUSH_INTERVAL_SECONDS)
            self._filled.clear()
            self.push()


_recorder = Recorder()
os.register_at_fork(after_in_child=_recorder.reset)


@worker_process_shutdown.connect
@worker_shutdown.connect
def push_the_rest(**_: object) -> None:
    """A process that leaves takes no counts with it."""
    flush()
