"""Slowing down those who try keys: by address, in the memory of the one process that listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

# after this many wrong keys an address must wait
PATIENCE = 10
WAIT_SECONDS = 600.0
LONGEST_DELAY_SECONDS = 8.0
REMEMBERED = 10_000


def network_of(address: str) -> str:
    """Whose failures count together: an address, of IPv6 the first 64 bits, which one person has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return ":".join(found.exploded.split(":")[:4]) if isinstance(found, IPv6Address) else address


class Guard:
    """Failures of each network. clock: seconds, rising."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def is_shut(self, address: str) -> bool:
        """Whether nothing is taken from this address for now."""
        count, last = self._failures.get(network_of(address), (0, 0.0))
        return count >= PATIENCE and self._clock() < last + WAIT_SECONDS

    def failed(self, address: str) -> float:
        """Count a wrong key; how many seconds to wait before saying so."""
        network, now = network_of(address), self._clock()
        count, last = self._failures.get(network, (0, now))
        count = 1 if now >= last + WAIT_SECONDS else count + 1
        if len(self._failures) >= REMEMBERED:
            self._forget(now)
        self._failures[network] = (count, now)
        return min(LONGEST_DELAY_SECONDS, 0.25 * 2.0 ** (count - 1))

    def succeeded(self, address: str) -> None:
        """A right key ends the waiting."""
        self._failures.pop(network_of(address), None)

    def _forget(self, now: float) -> None:
        self._failures = {key: (n, at) for key, (n, at) in self._failures.items() if now < at + WAIT_SECONDS}
        if len(self._failures) >= REMEMBERED:
            self._failures.clear()
