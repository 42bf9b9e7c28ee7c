"""The user that PostgreSQL runs as when we are root: PostgreSQL refuses to be root itself."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from dataclasses import dataclass

from massmailer.embedded import paths
from massmailer.embedded.errors import EngineError

NAME = "massmailer"


@dataclass(frozen=True)
class Account:
    """Numbers of the user and group that own the engine's files."""

    uid: int
    gid: int


def account() -> Account | None:
    """The account to drop to; None where we are not root and run everything as ourselves.

    Creates the system user `massmailer` where it is missing, without home and login; takes `nobody` where the machine
    has no tool for that. Raises EngineError where there is neither.
    """
    if not paths.is_root():
        return None
    found = _find(NAME)
    if found is None:
        _create()
        found = _find(NAME) or _find("nobody")
    if found is None:
        raise EngineError(
            f"PostgreSQL does not run as root, and the system user {NAME!r} could not be created. "
            "Create it (useradd --system massmailer), run this as another user, or set DATABASE_URL."
        )
    return found


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> None:
    """Best effort with whichever tool the distribution has; the caller looks at the result."""
    tools = (
        ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"),
        ("adduser", "-S", "-D", "-H"),  # busybox
    )
    for tool, *options in tools:
        if shutil.which(tool):
            subprocess.run([tool, *options, NAME], capture_output=True, check=False)
            return
