"""How many windows a child claims, sends and records together. Pure arithmetic.

What is done once for each claim costs a child 0.4 to 0.6 ms and PostgreSQL 0.2, so two windows together cost less than
one after the other. But what was claimed together is recorded together: one answer that comes late holds all of it up.
So a child begins with single windows, doubles while all that it claimed is answered in about the time that one answer
takes, and goes back to one where it is not. The bound on what may be claimed and not recorded is the same for all.
"""

from __future__ import annotations

# One half is sent while the other is recorded. From a relay that is farther away a child waits most of the time,
# whatever it does meanwhile, and other children use that time.
NEAR_WINDOWS, FAR_WINDOWS = 2, 4
FAR_SECONDS = 0.01
# reading, writing and the claim itself are in it, on a machine with other work
EVEN_FACTOR, EVEN_SECONDS = 2.0, 0.1


class Stride:
    """The windows of the next claim, for mail of one pool to one mailbox group."""

    __slots__ = ("windows",)

    def __init__(self) -> None:
        self.windows = 1

    def answered(self, seconds: float, latency_seconds: float) -> None:
        """All that was claimed together had its answers so long after the claim; one answer takes `latency_seconds`."""
        if seconds > EVEN_FACTOR * latency_seconds + EVEN_SECONDS:
            self.windows = 1
        else:
            most = NEAR_WINDOWS if latency_seconds < FAR_SECONDS else FAR_WINDOWS
            self.windows = min(self.windows * 2, most)
