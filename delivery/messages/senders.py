"""From which addresses transactional mail may be sent."""

from __future__ import annotations

import time

from django.conf import settings

from campaigns import addresses
from delivery import domains
from delivery.models import SendingDomain

REREAD_SECONDS = 3.0


class SenderRefused(ValueError):
    """Mail may not be sent from this address; the message says the cure. Show it to whoever set the address."""


class DomainNames:
    """The sending domains' names, read at most every REREAD_SECONDS a process."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def get(self) -> frozenset[str]:
        if time.monotonic() >= self._read_at + REREAD_SECONDS:
            self._names = frozenset(SendingDomain.objects.values_list("domain", flat=True))
            self._read_at = time.monotonic()
        return self._names

    def expire(self) -> None:
        """Let the next look read the rows, however young they are."""
        self._read_at = float("-inf")


names = DomainNames()


def demand_allowed(address: str) -> None:
    """Raises SenderRefused unless the address is of a sending domain or one below it.

    Where none is set up yet, or it is that of DEFAULT_FROM_EMAIL, every address of it may be used.
    """
    known = names.get()
    own = addresses.domain_of(settings.DEFAULT_FROM_EMAIL.rstrip(">")).lower()
    found = domains.candidates(address)
    if known and found[0] != own and not known.intersection(found):
        raise SenderRefused(f"{found[0]} is not among the sending domains: add it in the admin, under Sending domains")
