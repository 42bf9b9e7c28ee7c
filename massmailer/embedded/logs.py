"""Log files of engines and processes under var/log, one generation kept."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from massmailer.embedded import paths

MAX_LOG_BYTES = 20 * 1024 * 1024
TAIL_BYTES = 2000


def log_file(name: str) -> Path:
    return paths.log_dir() / f"{name}.log"


def open_log(name: str) -> IO[bytes]:
    """Open var/log/<name>.log to append; one that has grown beyond 20 MB becomes <name>.log.1 first."""
    path = log_file(name)
    paths.make_private_dir(path.parent)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tail(name: str) -> str:
    """The last lines of a log for a message to a person; says so where there is none."""
    path = log_file(name)
    if not path.exists():
        return f"({path} does not exist)"
    return path.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip() or f"({path} is empty)"
