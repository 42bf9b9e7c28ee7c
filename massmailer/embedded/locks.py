"""One starter at a time: a file lock that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from massmailer.embedded import paths
from massmailer.embedded.errors import EngineError

WAIT_SECONDS = 180.0


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock `var/run/<name>.lock`; waits up to three minutes for another holder.

    Raises EngineError after that: the other one hangs, and a person must look.
    """
    lock_file = paths.make_private_dir(paths.run_dir()) / f"{name}.lock"
    with lock_file.open("a") as handle:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _try_lock(handle.fileno()):
            if time.monotonic() > deadline:
                raise EngineError(f"another process has held {lock_file} for {WAIT_SECONDS:.0f} s: find and stop it.")
            time.sleep(0.05)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
