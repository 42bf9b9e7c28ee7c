"""Secrets, static files and room on the disk."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.embedded import paths

GIGABYTE = 1024**3
DISK_WARN_BYTES = 5 * GIGABYTE
DISK_FAIL_BYTES = GIGABYTE
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secrets() -> Check:
    """Nobody but us can read the generated secrets."""
    folder = settings.VAR_DIR / "secrets"
    if not folder.exists():
        return ok("secrets", "none generated: the environment gives them")
    loose = [path for path in (folder, *sorted(folder.iterdir())) if path.stat().st_mode & OTHERS]
    if loose:
        return fail(
            "secrets",
            f"{', '.join(str(path) for path in loose)} can be read by other users",
            f"chmod -R go= {folder}",
        )
    strange = [path for path in folder.iterdir() if path.stat().st_uid != os.geteuid()]
    if strange:
        return warn("secrets", f"{strange[0]} belongs to another user", "Run MassMailer and its commands as one user.")
    return ok("secrets", f"{folder}, for this user only")


def static_files() -> Check:
    """Everything that the pages ask for has been collected for the web server."""
    wanted = [path for finder in get_finders() for path, _ in finder.list([])]
    missing = [path for path in wanted if not (Path(settings.STATIC_ROOT) / path).exists()]
    if missing:
        return fail(
            "static files",
            f"{len(missing)} of {len(wanted)} not collected, first {missing[0]}",
            "Run bin/manage collectstatic --no-input.",
        )
    return ok("static files", f"{len(wanted)} collected")


def disk() -> Check:
    """The fullest of the file systems that we write to."""
    places = {settings.VAR_DIR, Path(settings.MEDIA_ROOT), *([paths.postgres_home()] if settings.EMBEDDED else [])}
    fullest = min((_existing(place) for place in places), key=free_bytes)
    free = free_bytes(fullest)
    detail = f"{free / GIGABYTE:.1f} GB free in {fullest}"
    cure = "Make room: an e-mail takes about 130 bytes of the ledger, an event about as much."
    if free < DISK_FAIL_BYTES:
        return fail("disk", detail, cure)
    return warn("disk", detail, cure) if free < DISK_WARN_BYTES else ok("disk", detail)


def free_bytes(path: Path) -> int:
    """Room for us in the file system of `path`."""
    return shutil.disk_usage(path).free


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
