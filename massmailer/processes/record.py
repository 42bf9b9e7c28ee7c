"""Which processes of this checkout run, in var/run/stack.json: for `bin/down` after a manager that died."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from massmailer.embedded import paths, pids

MANAGER_WORDS = ("massmailer.processes",)
CHILD_WORDS = ("massmailer",)


@dataclass(frozen=True)
class Running:
    """Processes that live and are ours: the manager, if any, and its children by name."""

    manager: int | None = None
    children: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.manager is not None or bool(self.children)


def record_file() -> Path:
    return paths.run_dir() / "stack.json"


def write(children: Mapping[str, int]) -> None:
    """Remember this process as the manager of `children`."""
    paths.make_private_dir(paths.run_dir())
    draft = record_file().with_suffix(".draft")
    draft.write_text(json.dumps({"manager": os.getpid(), "children": dict(children)}))
    draft.replace(record_file())


def forget() -> None:
    record_file().unlink(missing_ok=True)


def read() -> Running:
    """What is left of the stack that was recorded last; numbers that went to strangers are left out."""
    try:
        entry = json.loads(record_file().read_text())
    except FileNotFoundError:
        return Running()
    manager = entry["manager"] if pids.is_alive(entry["manager"], *MANAGER_WORDS) else None
    children = {name: pid for name, pid in entry["children"].items() if _is_ours(pid)}
    return Running(manager, children)


def _is_ours(pid: int) -> bool:
    # each child leads a session of its own, a stranger with its old number hardly does and is named otherwise
    try:
        return pids.is_alive(pid, *CHILD_WORDS) and os.getsid(pid) == pid
    except ProcessLookupError:
        return False
