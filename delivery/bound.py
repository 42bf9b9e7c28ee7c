"""How much a worker child may have claimed and not recorded: what a crash costs. Pure arithmetic."""

from __future__ import annotations

# so many windows are in a child's hands: far from a relay it can send no more than these for each way there and back
WINDOWS = 4


def claimed_limit(window: int, most: int) -> int:
    """Positions that may be claimed and not recorded: whole windows, at most `most` and at least one window."""
    return max(window, most // window * window)


def most_claimed(limit: int, message_bytes: int, bytes_limit: int) -> int:
    """`limit` positions, fewer where so many rendered messages would need more than `bytes_limit` of memory."""
    return max(1, min(limit, bytes_limit // max(1, message_bytes)))


def window_size(wanted: int, most: int) -> int:
    """Positions a window: `wanted`, fewer where WINDOWS of them would be more than may be claimed."""
    return max(1, min(wanted, most // WINDOWS))
