"""Processor time and memory of other processes, by group, while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

import psutil

# a look reads the whole process table, 20 ms
SAMPLE_SECONDS = 4.0
# the kernel walks through all pages of a process for its share of them: 0.1 s for all of ours
MEMORY_EVERY = 4

Roots = Callable[[], Mapping[str, Iterable[int]]]


class Meter:
    """Follows each group's processes and all their children from its making until `finish()`.

    roots: asked at every sample for the main process ids of each group, for they may be started again. A main process
    that ends between two samples loses what it used since the last one; what a child used is its parent's afterwards.
    """

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._seen: dict[str, float] = {}
        self._used: dict[str, float] = {}
        self._peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._sample()
        self._thread.start()

    def finish(self) -> tuple[dict[str, float], dict[str, int]]:
        """Seconds of processor time (user and system) and highest memory in bytes (PSS), by group."""
        self._stop.set()
        self._thread.join()
        self._sample(with_memory=True)
        return self._used, self._peaks

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(SAMPLE_SECONDS):
            number += 1
            self._sample(with_memory=number % MEMORY_EVERY == 0)

    def _sample(self, *, with_memory: bool = False) -> None:
        table = children()
        for group, roots in self._roots().items():
            seconds, size = 0.0, 0
            for process in trees(roots, table):
                with suppress(psutil.Error):
                    seconds += _seconds(process)
                    # proportional: pages that processes share (PostgreSQL's buffers) are counted once
                    size += process.memory_full_info().pss if with_memory else 0
            # what was used before the meter began is not ours
            since = seconds - self._seen.get(group, seconds)
            self._seen[group] = seconds
            self._used[group] = self._used.get(group, 0.0) + max(0.0, since)
            self._peaks[group] = max(size, self._peaks.get(group, 0))


def children() -> dict[int, list[int]]:
    """The ids of every process's children."""
    table: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        table.setdefault(process.info["ppid"], []).append(process.pid)
    return table


def trees(roots: Iterable[int], table: Mapping[int, list[int]]) -> Iterator[psutil.Process]:
    """These processes and all below them that live now."""
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        waiting += table.get(pid, ())
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def _seconds(process: psutil.Process) -> float:
    """Its own, and that of its children that have ended: a backend may live for milliseconds."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
