"""Where everything lies. Pure: asking for a path creates nothing.

All state of a checkout stands under its `var/` (MASSMAILER_VAR names another folder: tests and demos have their own).
PostgreSQL refuses to run as root, so for root its data belongs to a system user and stands under /var/lib/massmailer/,
in a folder named after the checkout and its var folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from massmailer.embedded.errors import EngineError

# a Unix socket's path is limited to 107 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock", Valkey "/valkey.sock"
MAX_SOCKET_DIR_BYTES = 85


def checkout() -> Path:
    """The folder that holds manage.py."""
    return Path(__file__).resolve().parent.parent.parent


def var_dir() -> Path:
    """State of this installation: MASSMAILER_VAR (relative to the checkout) or `var/`. May not exist yet."""
    return (checkout() / (os.environ.get("MASSMAILER_VAR") or "var")).resolve()


def log_dir() -> Path:
    return var_dir() / "log"


def run_dir() -> Path:
    """Lock and process files."""
    return var_dir() / "run"


def instance() -> str:
    """Twelve hex digits that tell this checkout and var folder from all others of the machine."""
    return hashlib.sha256(f"{checkout()}\0{var_dir()}".encode()).hexdigest()[:12]


def is_root() -> bool:
    return os.geteuid() == 0


def system_base() -> Path:
    """Root's home of engines: what a system user may enter whatever the permissions of the checkout are."""
    return Path("/var/lib/massmailer")


def postgres_home() -> Path:
    """The folder of PostgreSQL's data folder."""
    return system_base() / instance() if is_root() else var_dir() / "postgres"


def postgres_data() -> Path:
    return postgres_home() / "data"


def postgres_socket_dir() -> Path:
    return postgres_home() / "s" if is_root() else _short(var_dir() / "run" / "pg", "pg")


def valkey_home() -> Path:
    return var_dir() / "valkey"


def valkey_socket() -> Path:
    return _short(var_dir() / "run" / "valkey", "valkey") / "valkey.sock"


def make_private_dir(path: Path) -> Path:
    """Create the folder with mode 0700 unless it is there; returns it.

    Raises EngineError where it belongs to somebody else: /tmp is shared, and a stranger's folder is a trap.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.geteuid() or path.is_symlink():
        raise EngineError(f"{path} belongs to another user. Run this as its owner, or remove that folder.")
    return path


def _short(wanted: Path, name: str) -> Path:
    # a list of folders in PostgreSQL's settings, and a URL in Celery's: plain names need no quoting in either
    if len(os.fsencode(wanted)) <= MAX_SOCKET_DIR_BYTES and re.fullmatch(r"[A-Za-z0-9/._-]+", str(wanted)):
        return wanted
    return Path(tempfile.gettempdir()) / f"massmailer-{os.geteuid()}-{instance()}-{name}"
