"""How many sessions a mail server has open, and how many with one stranger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address

from delivery.submission.guard import network_of


@dataclass
class Sessions:
    """The open sessions of a server, counted.

    most_each: with one address of the internet (of IPv6 its first 64 bits); our own house may have all. Without it a
    single machine that connects and says nothing would keep every bounce out.
    """

    most: int
    most_each: int = 10
    open: int = field(default=0)
    _strangers: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str) -> bool:
        """Whether one more session may begin; it is counted then, until `leave`."""
        network = network_of(address)
        if self.open >= self.most or self._strangers[network] >= self.most_each:
            return False
        self.open += 1
        if _is_stranger(address):
            self._strangers[network] += 1
        return True

    def leave(self, address: str) -> None:
        network = network_of(address)
        self.open -= 1
        if self._strangers[network] > 1:
            self._strangers[network] -= 1
        else:
            del self._strangers[network]


def _is_stranger(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
