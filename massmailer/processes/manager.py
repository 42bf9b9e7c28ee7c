"""Runs the processes of the Procfile with honcho's parts and a stop that drains.

Honcho's own manager signals whole process groups and kills after five seconds. A worker's pool children would die in
the middle of a window. Here the main process alone gets the signal, tells its children, and has the grace period.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from honcho.colour import get_colours
from honcho.printer import Message
from honcho.process import Process

from massmailer.embedded import pids
from massmailer.processes import record
from massmailer.processes.output import Output

POLL_SECONDS = 0.1
RESTART_WAIT_SECONDS = 2.0
# a process that lived shorter than this has failed to start
SETTLED_SECONDS = 30.0
MAX_FAILED_STARTS = 3
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Child:
    """One process of the Procfile."""

    name: str
    command: str
    colour: str
    pid: int | None = None
    alive: bool = False
    started_at: float = 0.0
    failed_starts: int = 0
    restart_at: float | None = None


class Manager:
    """Starts commands, restarts what ends by itself, and on a signal drains all within the grace period."""

    def __init__(self, commands: Mapping[str, str], environment: Mapping[str, str], *, grace_seconds: float) -> None:
        """commands: shell command by name, each beginning with `exec`, so that its process is the program itself."""
        colours = get_colours()
        self._children = {name: Child(name, command, next(colours)) for name, command in commands.items()}
        self._environment = dict(environment)
        self._grace_seconds = grace_seconds
        self._events: queue.Queue[Any] = queue.Queue()
        self._output = Output(width=max([len("system"), *map(len, commands)]))
        self._signals: list[int] = []
        self._stopping_since: float | None = None
        self._status = 0

    def run(self) -> int:
        """Run until a signal or a process that does not start; returns the exit status, 0 for a clean drain."""
        for number in STOP_SIGNALS:
            signal.signal(number, lambda received, _frame: self._signals.append(received))
        for child in self._children.values():
            self._start(child)
        while any(child.alive for child in self._children.values()) or self._stopping_since is None:
            self._take_event()
            self._obey_signals()
            self._restart_due()
            self._enforce_grace()
        self._output.say("all processes have stopped")
        self._output.close()
        record.forget()
        return self._status

    def _start(self, child: Child) -> None:
        child.alive, child.pid, child.restart_at = True, None, None
        child.started_at = time.monotonic()
        process = Process(child.command, name=child.name, colour=child.colour, env=self._environment)
        threading.Thread(target=self._attend, args=(child, process), name=child.name, daemon=True).start()

    def _attend(self, child: Child, process: Any) -> None:
        try:
            process.run(self._events)
        except OSError as error:
            self._events.put(Message("line", f"cannot start: {error}\n", datetime.now(), child.name, child.colour))
            self._events.put(Message("stop", {"returncode": 127}, datetime.now(), child.name, child.colour))

    def _take_event(self) -> None:
        try:
            event = self._events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        child = self._children[event.name]
        if event.type == "line":
            self._output.line(event)
        elif event.type == "start":
            self._started(child, event.data["pid"])
        else:
            self._stopped(child, event.data["returncode"])

    def _started(self, child: Child, pid: int) -> None:
        child.pid = pid
        self._output.say(f"{child.name} started (process {pid})")
        self._record()
        if self._stopping_since is not None:
            pids.signal_process(pid, signal.SIGTERM)

    def _stopped(self, child: Child, status: int) -> None:
        child.alive, child.pid = False, None
        self._record()
        if self._stopping_since is not None:
            self._output.say(f"{child.name} stopped")
            return
        now = time.monotonic()
        settled = now - child.started_at > SETTLED_SECONDS
        child.failed_starts = 0 if settled else child.failed_starts + 1
        if child.failed_starts >= MAX_FAILED_STARTS:
            self._output.say(f"{child.name} does not stay up (status {status}): stopping. Its lines above say why.")
            self._status = 1
            self._stop()
            return
        self._output.say(f"{child.name} ended by itself (status {status}): it starts again")
        child.restart_at = now + RESTART_WAIT_SECONDS

    def _restart_due(self) -> None:
        if self._stopping_since is not None:
            return
        for child in self._children.values():
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._start(child)

    def _obey_signals(self) -> None:
        while self._signals:
            name = signal.Signals(self._signals.pop(0)).name
            if self._stopping_since is None:
                self._output.say(f"{name}: draining, at most {self._grace_seconds:.0f} s")
                self._stop()
            else:
                waiting = ", ".join(child.name for child in self._children.values() if child.alive)
                self._output.say(f"{name}: already stopping, waiting for {waiting}")

    def _stop(self) -> None:
        self._stopping_since = time.monotonic()
        for child in self._children.values():
            if child.pid is not None:
                pids.signal_process(child.pid, signal.SIGTERM)

    def _enforce_grace(self) -> None:
        if self._stopping_since is None or time.monotonic() - self._stopping_since < self._grace_seconds:
            return
        for child in self._children.values():
            if child.pid is not None:
                self._output.say(f"{child.name} has not drained within {self._grace_seconds:.0f} s: killed")
                self._status = 1
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.pid = None

    def _record(self) -> None:
        record.write({child.name: child.pid for child in self._children.values() if child.pid is not None})
