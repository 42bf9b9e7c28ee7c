"""What must stand before a process or a command runs: engines up, tables there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from massmailer.embedded import engines, locks, paths
from massmailer.processes.options import StackError


def prepare(*, migrate_external: bool = False) -> tuple[str, ...]:
    """Start the embedded engines that are needed and bring their tables up to date; returns the engines it started.

    A database that somebody gave us (DATABASE_URL) is migrated only when asked: a stray command must not alter it.
    Raises EngineError or StackError with the cure.
    """
    before = engines.status()
    engines.ensure()
    if "postgres" in engines.needed():
        _migrate_embedded()
    elif migrate_external:
        _migrate()
    return tuple(name for name, state in before.items() if state == "stopped")


def _migrate_embedded() -> None:
    """Migrate unless this very set of migrations has been run on this database; costs some milliseconds then."""
    # beside the data folder, so that it goes when the data goes
    stamp = paths.postgres_home() / "migrated"
    wanted = _fingerprint()
    if _read(stamp) == wanted:
        return
    with locks.exclusive("migrate"):
        if _read(stamp) != wanted:
            _migrate()
            stamp.write_text(wanted)


def _migrate() -> None:
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    result = subprocess.run(command, cwd=paths.checkout(), capture_output=True, text=True, check=False)
    if result.returncode:
        raise StackError(f"the database cannot be migrated:\n{result.stderr.strip()[-3000:]}")


def _fingerprint() -> str:
    root = paths.checkout()
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for path in sorted(root.glob("*/migrations/*.py")):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
