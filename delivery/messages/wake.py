"""Waking transactional workers without making a request wait for the broker.

In the processes that accept mail one thread publishes, and many requests share a wake-up: a worker that is awake
drains what is due anyway. A broker that is away or hangs costs that thread's time; the sweeper wakes within a second.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from django.conf import settings

from delivery import enqueue

logger = logging.getLogger(__name__)

# one wake-up for all messages that are accepted meanwhile
APART_SECONDS = 0.05
# after a failure: each attempt at a broker that is away logs a line
PATIENCE_SECONDS = 1.0


class Waker:
    """Publishes at most one wake-up every APART_SECONDS; made anew in a process that was forked."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0

    def wake(self) -> None:
        """Ask for a wake-up; returns at once."""
        if self._pid != os.getpid():
            self._start()
        self._wanted.set()

    def _start(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._wanted = threading.Event()
            threading.Thread(target=self._run, args=(self._wanted,), name="wake-workers", daemon=True).start()
            self._pid = os.getpid()

    def _run(self, wanted: threading.Event) -> None:
        while wanted.wait():
            wanted.clear()
            try:
                reached = enqueue.send_messages()
            except Exception:  # the thread must live: nobody else in this process wakes workers
                logger.exception("a wake-up could not be published")
                reached = 0
            time.sleep(APART_SECONDS if reached else PATIENCE_SECONDS)


_waker = Waker()


def wake() -> None:
    """Wake a transactional worker, now or in some milliseconds. Call it when rows are committed."""
    if settings.ACCEPTS_MAIL:
        _waker.wake()
    else:
        enqueue.send_messages()
