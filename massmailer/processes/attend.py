"""A command with the embedded engines up around it, and down again after it where they were down before."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence

from massmailer.embedded import engines
from massmailer.processes import prepare, stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# what a shell reports for a program that a signal ended
SIGNAL_STATUS = 128


class Attendance:
    """Takes the signals that ask us to leave, hands them to the command, and outlives it to stop the engines."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._received: int | None = None

    def run(self, command: Sequence[str]) -> int:
        """The command's status; 128 + n where signal n came. Raises EngineError or StackError with the cure."""
        for number in SIGNALS:
            signal.signal(number, self._take)
        down = tuple(name for name, state in engines.status().items() if state == "stopped")
        try:
            # a signal waits until the engines are up: what is half started could not be found and stopped
            prepare.prepare()
            if self._received is None:
                self._child = subprocess.Popen(command)
                status = self._child.wait()
            if self._received is not None and (self._child is None or status < 0):
                return SIGNAL_STATUS + self._received
            return status if status >= 0 else SIGNAL_STATUS - status
        finally:
            stack.stop_engines(down)

    def _take(self, number: int, _frame: object) -> None:
        self._received = number
        if self._child is not None:
            # a terminal has told the child already, kill(1) has not; being told twice does no harm
            self._child.send_signal(number)
