"""From which addresses transactional mail may be sent."""

from __future__ import annotations

from django.conf import settings

from campaigns import addresses
from delivery import domains
from delivery.kept import Kept
from delivery.models import SendingDomain

REREAD_SECONDS = 3.0


class SenderRefused(ValueError):
    """Mail may not be sent from this address; the message says the cure. Show it to whoever set the address."""


def _read_names() -> frozenset[str]:
    return frozenset(SendingDomain.objects.values_list("domain", flat=True))


# of the sending domains
names = Kept(_read_names, seconds=REREAD_SECONDS)


def demand_allowed(address: str) -> None:
    """Raises SenderRefused unless the address is of a sending domain or one below it.

    Where none is set up yet, or it is that of DEFAULT_FROM_EMAIL, every address of it may be used.
    """
    known = names.get()
    own = addresses.domain_of(settings.DEFAULT_FROM_EMAIL.rstrip(">")).lower()
    found = domains.candidates(address)
    if known and found[0] != own and not known.intersection(found):
        raise SenderRefused(f"{found[0]} is not among the sending domains: add it in the admin, under Sending domains")
