"""The clock of deadlines: it goes on while a process is stopped or the machine sleeps."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS has no CLOCK_BOOTTIME


def boottime() -> float:
    """Seconds since the machine started, suspended time included where the system can tell."""
    return time.clock_gettime(_CLOCK)
