"""Where commands write files to."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import CommandError


def write_out(chunks: Iterable[bytes], path: str | None) -> None:
    """Write to the file at `path`, or to standard output. Raises CommandError where the file cannot be written."""
    if not path:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(path).open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
