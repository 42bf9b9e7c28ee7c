"""Is the process in that file still the one we started? A number alone may belong to a stranger after a reboot."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path


def read_pid(path: Path) -> int | None:
    """The number on the first line of a pid file; None where there is no file or no number."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def command_line(pid: int) -> str:
    """The command line of a live process, arguments separated by spaces; empty for a dead one or a zombie."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    listing = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "" if "<defunct>" in listing.stdout else listing.stdout.strip()


def is_alive(pid: int | None, *words: str) -> bool:
    """Whether the process lives and its command line contains each of `words`."""
    if pid is None or pid <= 0:
        return False
    line = command_line(pid)
    return bool(line) and all(word in line for word in words)


def wait_gone(pid: int, timeout_seconds: float) -> bool:
    """Wait until the process has left; False when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def signal_process(pid: int, number: int) -> None:
    """Send a signal; a process that has left already is fine."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
