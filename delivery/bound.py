"""How much a worker child may have claimed and not recorded: what a crash costs. Pure arithmetic.

A child needs as many messages in flight as it could send while one of them is on its way (Little's law). With a relay
that is near that is less than a window, and two windows suffice: one is sent while the other is recorded. Only a relay
that is far away needs more. Measured: windows of half the size cost a fifth more CPU a message, half as many windows
cost 3 %.
"""

from __future__ import annotations

# a child's fastest pace (200 µs of CPU a message); a slower one is allowed a little more than it needs
MESSAGES_PER_SECOND = 5000
# the COMMIT of a record with the next claim
RECORD_SECONDS = 0.003
# content goes out after the server's 354, its reply comes one more round trip later
ROUND_TRIPS = 2
LEAST_WINDOWS = 2
MOST_WINDOWS = 4


def claimed_limit(window: int, latency_seconds: float, most: int) -> int:
    """Positions that may be claimed and not recorded, in whole windows: at least two of them, at most `most`.

    latency_seconds: from a final dot to its reply, 0 before anything was measured.
    """
    on_the_way = MESSAGES_PER_SECOND * (ROUND_TRIPS * latency_seconds + RECORD_SECONDS)
    windows = max(LEAST_WINDOWS, int((window + on_the_way) // window))
    return max(window, min(windows * window, most // window * window))


def most_claimed(limit: int, message_bytes: int, bytes_limit: int) -> int:
    """`limit` positions, fewer where so many rendered messages would need more than `bytes_limit` of memory."""
    return max(1, min(limit, bytes_limit // max(1, message_bytes)))


def window_size(wanted: int, most: int) -> int:
    """Positions a window: `wanted`, fewer where MOST_WINDOWS of them would be more than may be claimed."""
    return max(1, min(wanted, most // MOST_WINDOWS))
