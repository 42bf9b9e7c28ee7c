"""The stack beside a program that goes on itself: the demo and the acceptance tests."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType

from massmailer.embedded import logs, paths, pids, postgres, valkey
from massmailer.processes import procfile, record
from massmailer.processes.options import StackError, StackOptions, grace_seconds

WORKER_READY = b" ready."
# a busy disk makes the engines' last checkpoint slow
ENGINE_STOP_SECONDS = postgres.STOP_TIMEOUT_SECONDS + valkey.STOP_TIMEOUT_SECONDS


class BackgroundStack:
    """`with BackgroundStack(options) as stack:` runs the stack in a process of its own and stops it at the end.

    Its lines stand in var/log, the manager's in var/log/stack.log.
    """

    def __init__(self, options: StackOptions) -> None:
        self.options = options
        self._manager: subprocess.Popen[bytes] | None = None
        self._log_ends: dict[str, int] = {}

    def __enter__(self) -> BackgroundStack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The web server's address without a trailing slash."""
        return f"http://{self.options.host}:{self.options.port}"

    def start(self, timeout_seconds: float = 90.0) -> None:
        """Start and wait until every process has started, the web server answers and every worker is ready.

        Raises StackError with the end of the log where that does not happen; nothing is left running then.
        """
        self.begin()
        self.wait_until_ready(timeout_seconds)

    def begin(self) -> None:
        """Start and return at once: there may be other work while the processes come up. Then wait_until_ready()."""
        self._log_ends = {name: _log_size(name) for name in procfile.commands()}
        with logs.open_log("stack") as log:
            self._manager = subprocess.Popen(
                [sys.executable, "-m", "massmailer.processes", "up", *_flags(self.options)],
                cwd=paths.checkout(),
                env={**os.environ, **self.options.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self, timeout_seconds: float = 90.0) -> None:
        """Wait for what begin() has started. Raises StackError as start() does."""
        deadline = time.monotonic() + timeout_seconds
        while not self.is_ready():
            if self._manager is None or self._manager.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StackError(f"the processes did not come up. The end of their log:\n{logs.tail('stack')}")
            time.sleep(0.1)

    def stop(self) -> int:
        """Drain and stop; returns the exit status, 0 for a clean drain. Nothing happens the second time."""
        if self._manager is None:
            return 0
        if self._manager.poll() is None:
            self._manager.send_signal(signal.SIGTERM)
        try:
            status = self._manager.wait(grace_seconds() + ENGINE_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._manager.kill()
            raise StackError(f"the stack does not stop: {record.read()}. Stop it with bin/down.") from None
        self._manager = None
        return status

    def is_running(self) -> bool:
        """Whether the manager of the processes lives."""
        return self._manager is not None and self._manager.poll() is None

    def is_ready(self) -> bool:
        """Whether every process has started, the web server answers and every worker takes tasks."""
        names = [name for name in procfile.commands() if self.options.runs(name)]
        workers = [name for name in names if name.startswith("worker-")]
        if not set(names) <= set(record.read().children) or not all(
            self._has_said(name, WORKER_READY) for name in workers
        ):
            return False
        return "web" not in names or _answers(self.options.host, self.options.port)

    def process(self, name: str) -> int:
        """The number of the main process of that name. Raises KeyError where it does not run."""
        return record.read().children[name]

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to one main process; the manager starts it again when it dies."""
        pids.signal_process(self.process(name), number)

    def _has_said(self, name: str, words: bytes) -> bool:
        path = logs.log_file(name)
        if not path.exists():
            return False
        with path.open("rb") as log:
            log.seek(min(self._log_ends.get(name, 0), path.stat().st_size))
            return words in log.read()


def _flags(options: StackOptions) -> list[str]:
    values: Mapping[str, object] = {
        name: value for name, value in asdict(options).items() if name not in ("sandbox", "only", "environment")
    }
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    flags += [f"--only={','.join(options.only)}"] if options.only else []
    return flags if options.sandbox else [*flags, "--no-sandbox"]


def _log_size(name: str) -> int:
    path = logs.log_file(name)
    return path.stat().st_size if path.exists() else 0


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
