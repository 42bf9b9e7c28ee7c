"""Signals that ask the demo to leave raise an exception, so that the processes are stopped whatever goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked us to leave: clean up and go. No Exception: nothing on the way may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Leaving:
    """`with Leaving() as leaving:` lets the first signal raise Stopped; later ones are not heard."""

    def __init__(self) -> None:
        self._held = False
        self._deaf = False
        self._waiting: int | None = None

    def __enter__(self) -> Leaving:
        self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, a signal waits: an exception in the middle of starting a process would lose its number."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._waiting is not None:
            self._take(self._waiting, None)

    def ignore_more(self) -> None:
        """From now on an impatient second Ctrl-C does not disturb the cleaning up."""
        self._deaf = True

    def _take(self, number: int, _frame: object) -> None:
        if self._held:
            self._waiting = number
        elif not self._deaf:
            self._deaf = True
            raise Stopped(number)
