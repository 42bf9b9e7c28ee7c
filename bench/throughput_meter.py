"""Processor time and memory of other processes, by group, while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

import psutil

# looking for children reads the whole process table, 20 ms each time
SAMPLE_SECONDS = 2.0
# the kernel walks through all pages of a process for its share of them: 100 ms for all of ours
MEMORY_EVERY = 3

Roots = Callable[[], Mapping[str, Iterable[int]]]
# process id and the moment of its start: numbers of dead processes are given again
Key = tuple[int, float]


class Meter:
    """Follows each group's processes and all their children from its making until `finish()`.

    roots: asked at every sample for the main process ids of each group, for they may be started again. A process that
    ends between two samples loses what it used since the last one.
    """

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._first: dict[Key, float] = {}
        self._last: dict[str, dict[Key, float]] = {}
        self._peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self._sample(is_first=True)
        self._thread.start()

    def finish(self) -> tuple[dict[str, float], dict[str, int]]:
        """Seconds of processor time (user and system) and highest memory in bytes (PSS), by group."""
        self._stop.set()
        self._thread.join()
        self._sample(with_memory=True)
        seconds = {
            group: sum(last - self._first[key] for key, last in used.items()) for group, used in self._last.items()
        }
        return seconds, self._peaks

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(SAMPLE_SECONDS):
            number += 1
            self._sample(with_memory=number % MEMORY_EVERY == 0)

    def _sample(self, *, is_first: bool = False, with_memory: bool = False) -> None:
        for group, roots in self._roots().items():
            used = self._last.setdefault(group, {})
            size = 0
            for process in _trees(roots):
                with suppress(psutil.Error):
                    key, seconds = (process.pid, process.create_time()), _seconds(process)
                    # what it used before the meter began is not ours
                    self._first.setdefault(key, seconds if is_first else 0.0)
                    used[key] = seconds
                    # proportional: pages that processes share (PostgreSQL's buffers) are counted once
                    size += process.memory_full_info().pss if with_memory else 0
            self._peaks[group] = max(size, self._peaks.get(group, 0))


def _trees(roots: Iterable[int]) -> Iterator[psutil.Process]:
    for root in roots:
        with suppress(psutil.Error):
            process = psutil.Process(root)
            yield process
            yield from process.children(recursive=True)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
