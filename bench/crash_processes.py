"""The Procfile's processes under the harness: each may have an environment of its own, and what dies starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import psutil

from massmailer.embedded import logs, paths

RESTART_SECONDS = 0.5
READY = b" ready."
MARK = "MASSMAILER_CRASH_RUN"


@dataclass
class Running:
    """One process: its shell command, its own environment, and the number it has now."""

    name: str
    command: str
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    died_at: float = 0.0
    log_end: int = 0


class Processes:
    """Starts processes, restarts those that die, and stops all; a thread looks after them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # what all of them carry, and nobody else: numbers of dead processes go to strangers
        self._mark = f"{os.getpid()}-{uuid4()}"
        self._environment = {**environment, MARK: self._mark}
        self._running: dict[str, Running] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="processes", daemon=True)
        self._thread.start()

    def start(self, name: str, command: str, environment: Mapping[str, str] | None = None) -> None:
        """Run a shell command under that name until it is stopped."""
        own = dict(environment or {})
        with self._lock:
            end = _log_size(name)
            self._running[name] = Running(name, command, own, self._spawn(name, command, own), log_end=end)

    def pid(self, name: str) -> int:
        """The number of the main process now."""
        return self._running[name].process.pid

    def children(self, name: str) -> list[psutil.Process]:
        """The pool children of a worker that are alive now; none while it starts."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid(name)).children(recursive=True)
        return []

    def kill_group(self, name: str) -> None:
        """SIGKILL to a process and all its children at once."""
        running = self._running[name].process
        # a process that was waited for has no number any more: it may be a stranger's
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)

    def wait_ready(self, name: str, seconds: float = 120) -> None:
        """Until a worker takes tasks. Raises RuntimeError with its last lines."""
        until = time.monotonic() + seconds
        while READY not in self._said(name):
            if time.monotonic() > until:
                raise RuntimeError(f"{name} is not ready after {seconds} s:\n{logs.tail(name)}")
            time.sleep(0.1)

    def stop(self, name: str, seconds: float = 30) -> None:
        """SIGTERM, and SIGKILL to the group where that is not obeyed in time."""
        with self._lock:
            running = self._running.pop(name, None)
        if running is None or running.process.poll() is not None:
            return
        running.process.send_signal(signal.SIGTERM)
        try:
            running.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()

    def close(self) -> None:
        """Stop everything, orphans of killed main processes too."""
        self._closing.set()
        self._thread.join()
        for name in list(self._running):
            self.stop(name)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark:
                    process.kill()

    def _spawn(self, name: str, command: str, own: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with logs.open_log(name) as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=paths.checkout(),
                env={**self._environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _attend(self) -> None:
        while not self._closing.wait(0.1):
            with self._lock:
                for running in self._running.values():
                    self._revive(running)

    def _revive(self, running: Running) -> None:
        if running.process.poll() is None:
            return
        now = time.monotonic()
        if not running.died_at:
            running.died_at = now
        elif now - running.died_at >= RESTART_SECONDS:
            running.died_at, running.log_end = 0.0, _log_size(running.name)
            running.process = self._spawn(running.name, running.command, running.environment)

    def _said(self, name: str) -> bytes:
        path = logs.log_file(name)
        if not path.exists():
            return b""
        with path.open("rb") as log:
            log.seek(min(self._running[name].log_end, path.stat().st_size))
            return log.read()


def _log_size(name: str) -> int:
    path = logs.log_file(name)
    return path.stat().st_size if path.exists() else 0
