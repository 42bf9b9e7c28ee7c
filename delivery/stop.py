"""A flag that the main process of a worker raises and every pool child sees: claim no more, finish what is claimed."""

from __future__ import annotations

import mmap

from celery.signals import worker_shutting_down

# anonymous shared memory made before the fork: one byte that parent and children have in common
_shared = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def raise_flag(**_: object) -> None:
    """Called in the main process on SIGTERM, before it waits for the running tasks."""
    _shared[0] = 1


def is_stopping() -> bool:
    return _shared[0] == 1
