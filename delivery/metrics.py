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
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import redis
from celery.signals import worker_process_shutdown, worker_shutdown
from django.conf import settings

log = logging.getLogger(__name__)

KEY = "massmailer:metrics"
PUSH_INTERVAL_SECONDS = 1.0
REDIS_TIMEOUT_SECONDS = 1.0
# upper bounds; what is above the last one is counted under "inf"
LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
INFINITY = "inf"
SENT = "emails_sent_total"
LATENCY = "delivery_latency_seconds"
LATENCY_SUM = "delivery_latency_microseconds"


def add(name: str, n: int = 1, **labels: str) -> None:
    """Count `n` more of `name`, such as add("throttled_total", 50, group="gmail")."""
    _recorder.add({_field(name, labels): n})


def observe_latency(seconds: float, n: int = 1) -> None:
    """Record that `n` accepted e-mails took `seconds` each, or together as one window."""
    place = bisect_left(LATENCY_BUCKETS_SECONDS, seconds)
    bound = str(LATENCY_BUCKETS_SECONDS[place]) if place < len(LATENCY_BUCKETS_SECONDS) else INFINITY
    _recorder.add({_field(LATENCY, {"le": bound}): n, _field(LATENCY_SUM, {}): round(seconds * n * 1_000_000)})


def count_sent(stream: str, seconds: float, provider_ids: Collection[int | None]) -> None:
    """Record accepted e-mails that took `seconds` together. provider_ids: who took each of them, one for an e-mail."""
    if not provider_ids:
        return
    observe_latency(seconds, len(provider_ids))
    for provider_id, n in Counter(provider_ids).items():
        add(SENT, n, stream=stream, provider=str(provider_id or ""))


def flush() -> None:
    """Push what this process has counted since the last second now. Waits for Redis a second at most."""
    _recorder.push()


@dataclass(frozen=True)
class Latency:
    """count_by_bound: how many e-mails fell into each bucket alone (not cumulated), by upper bound or "inf"."""

    count_by_bound: dict[str, int]
    sum_seconds: float

    def cumulated(self) -> list[tuple[str, float]]:
        """Pairs of upper bound ("+Inf" for the last) and count of all e-mails up to it, as Prometheus wants them."""
        total, pairs = 0, []
        for bound in (*map(str, LATENCY_BUCKETS_SECONDS), INFINITY):
            total += self.count_by_bound.get(bound, 0)
            pairs.append(("+Inf" if bound == INFINITY else bound, float(total)))
        return pairs


@dataclass(frozen=True)
class Snapshot:
    """Everything counted since Redis was last emptied. counters: (name, sorted label pairs) to value."""

    latency: Latency
    counters: dict[tuple[str, tuple[tuple[str, str], ...]], int] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> int:
        """Sum of all counters of that name which carry these labels."""
        wanted = set(labels.items())
        return sum(n for (found, pairs), n in self.counters.items() if found == name and wanted <= set(pairs))


def read(client: redis.Redis) -> Snapshot:
    """What all processes have pushed. Raises redis.RedisError."""
    counters: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    bounds: dict[str, int] = {}
    sum_seconds = 0.0
    for raw_name, raw_value in client.hgetall(KEY).items():
        name, labels = _parse(raw_name)
        if name == LATENCY:
            bounds[labels["le"]] = int(raw_value)
        elif name == LATENCY_SUM:
            sum_seconds = int(raw_value) / 1_000_000
        else:
            counters[name, tuple(sorted(labels.items()))] = int(raw_value)
    return Snapshot(latency=Latency(bounds, sum_seconds), counters=counters)


def _field(name: str, labels: dict[str, str]) -> str:
    return f"{name} {json.dumps(labels, sort_keys=True)}"


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
