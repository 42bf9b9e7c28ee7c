"""Crashing PostgreSQL and Valkey, bringing them back, and letting a clock jump."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from massmailer.embedded import binaries, logs, paths, pids, postgres, system_user, tuning, valkey

FAKETIME = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib64/faketime/libfaketimeMT.so.1"),
    Path("/usr/lib/faketime/libfaketimeMT.so.1"),
)


def crash_postgres() -> None:
    """Immediate shutdown: every backend ends at once, nothing is flushed that was not promised."""
    _pg_ctl("stop", "-m", "immediate", "-w", "-D", str(paths.postgres_data()))


def stop_postgres() -> None:
    postgres.stop()


def start_postgres(environment: dict[str, str] | None = None) -> None:
    """Start the server again, with its crash recovery; `environment` is handed to it (a clock that jumps)."""
    if environment is None:
        postgres.start()
        return
    settings = tuning.postgres_settings(tuning.memory_bytes())
    settings["unix_socket_directories"] = str(paths.postgres_socket_dir())
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    arguments = ("start", "-w", "-D", str(paths.postgres_data()), "-l", "/dev/null", "-o", options)
    _pg_ctl(*arguments, environment=environment)


def _pg_ctl(*arguments: str, environment: dict[str, str] | None = None) -> None:
    owner = system_user.account()
    identity: dict[str, Any] = {"user": owner.uid, "group": owner.gid, "extra_groups": []} if owner else {}
    with logs.open_log("postgres") as log:
        done = subprocess.run(
            [str(binaries.postgres_bin() / "pg_ctl"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=paths.postgres_home(),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
            start_new_session=True,
            umask=0o077,
            check=False,
            **identity,
        )
    if done.returncode:
        raise RuntimeError(f"pg_ctl {arguments[0]} failed:\n{logs.tail('postgres')}")


def crash_valkey() -> None:
    """SIGKILL, and its append-only files are gone: queues, leases of the broker, cache and buckets with them."""
    pid = pids.read_pid(paths.valkey_home() / "valkey.pid")
    if pid is None:
        raise RuntimeError("Valkey has no pid file")
    os.kill(pid, signal.SIGKILL)
    pids.wait_gone(pid, 10)
    shutil.rmtree(paths.valkey_home() / "appendonlydir", ignore_errors=True)


def start_valkey() -> None:
    valkey.start()


class Clock:
    """A wall clock that jumps for the processes that have `environment`; a monotonic clock does not jump."""

    def __init__(self, library: Path) -> None:
        # the database's system user reads it too
        self._folder = Path(tempfile.mkdtemp(prefix="massmailer-clock-"))
        self._folder.chmod(0o755)
        self._file = self._folder / "offset"
        self.jump(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }

    def jump(self, seconds: float) -> None:
        """From now on (within a second) the clock is off by so much, before or behind."""
        draft = self._folder / "draft"
        draft.write_text(f"{seconds:+.0f}\n")
        draft.chmod(0o644)
        draft.replace(self._file)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def find_faketime() -> Path | None:
    """libfaketime, where the system has it."""
    return next((path for path in FAKETIME if path.exists()), None)
