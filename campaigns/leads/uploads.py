"""Files of imports under MEDIA_ROOT/imports: uploads until they are merged, rejected lines for thirty days."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import File

from campaigns.leads.errors import FileRefused
from campaigns.leads.source import READ_BYTES, describe_bytes

KEEP_DAYS = 30


def folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "imports"


def new_path(suffix: str) -> Path:
    """A path that nobody can guess: these files hold personal data."""
    return folder() / f"{secrets.token_hex(16)}{suffix}"


def store(file: File[bytes] | BinaryIO) -> Path:
    """Keep an upload; its path. Raises FileRefused above settings.IMPORT_MAX_BYTES, and keeps nothing then."""
    path = new_path(".csv")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as kept:
            size = 0
            for chunk in _chunks(file):
                size += len(chunk)
                if size > settings.IMPORT_MAX_BYTES:
                    limit = describe_bytes(settings.IMPORT_MAX_BYTES)
                    raise FileRefused(f"The file is larger than {limit}. Split it, or pack it with gzip (.csv.gz).")
                kept.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _chunks(file: File[bytes] | BinaryIO) -> Iterator[bytes]:
    if isinstance(file, File):
        yield from file.chunks()
    else:
        while chunk := file.read(READ_BYTES):
            yield chunk


def discard(path: str | Path) -> None:
    """Delete an upload. A file of the person's own, named on a command line, is left alone."""
    where = Path(path)
    if where.parent == folder():
        where.unlink(missing_ok=True)


def discard_old_files() -> int:
    """Delete files older than KEEP_DAYS; how many. They hold personal data that nobody looks at any more."""
    limit = time.time() - KEEP_DAYS * 86_400
    old = [path for path in folder().glob("*") if path.is_file() and path.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
