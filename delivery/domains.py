"""Sending domains as workers and launches see them: which row covers a From address, its pool, its pause."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from campaigns.addresses import AddressInvalid, domain_of, normalise
from campaigns.models import Campaign
from delivery.models import CampaignPool, SendingDomain
from delivery.storable import storable

# how long a changed key or switch may take to reach a running worker
REREAD_SECONDS = 3.0


class DomainInvalid(ValueError):
    """The text is not the name of a domain that mail can be sent from; the message says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """One row, as far as sending needs it. Two are equal where messages from the domain would be built alike."""

    domain: str
    bounce_domain: str
    is_signing: bool
    dkim_selector: str
    ed25519_selector: str
    sealed_keys: str
    paused_until: datetime | None = field(compare=False)
    pool_id: int | None = field(compare=False)


FIELDS = tuple(one.name for one in fields(Known))


class DomainBook:
    """All sending domains, read at most every REREAD_SECONDS; one for each worker child.

    clock: seconds, rising. They are tens of rows, a thousand at the most: one query is cheaper than one a domain.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: dict[str, Known] = {}
        self._read_at = float("-inf")
        self._version = 0

    def refresh(self) -> int:
        """Read the rows where it is time; a number that rises when messages must be built differently."""
        if self._clock() < self._read_at + REREAD_SECONDS:
            return self._version
        rows = SendingDomain.objects.values_list(*FIELDS).order_by("domain")
        found = {row[0]: Known(*row) for row in rows}
        self._read_at = self._clock()
        self._version += found != self._rows
        self._rows = found
        return self._version

    def expire(self) -> None:
        """Let the next refresh read the rows, however young they are."""
        self._read_at = float("-inf")

    def pause_seconds(self, address: str, now: datetime) -> float:
        """How long nothing may be sent from this From address or domain, by what was last read; 0 where it may."""
        domain = self.find(address)
        if domain is None or domain.paused_until is None:
            return 0.0
        return max(0.0, (domain.paused_until - now).total_seconds())

    def find(self, address: str) -> Known | None:
        """What was last read of the row for this From address or domain. No I/O: a running loop may call it."""
        return next((self._rows[name] for name in candidates(address) if name in self._rows), None)


def candidates(address: str) -> list[str]:
    """Domains whose row would cover this From address or domain, the nearest first."""
    labels = domain_of(address).lower().split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def find(address: str) -> SendingDomain | None:
    """The row of this From address or domain: its own, or its nearest parent's."""
    rows = {row.domain: row for row in SendingDomain.objects.filter(domain__in=candidates(address))}
    return next((rows[name] for name in candidates(address) if name in rows), None)


def ascii_domain(text: str) -> str:
    """A domain as it is stored: in lower case, international letters in their ASCII form. Raises DomainInvalid."""
    bare = text.strip().removesuffix(".")
    if "@" in bare or "/" in bare:
        raise DomainInvalid("Write the domain only, such as news.example.com.")
    try:
        return domain_of(normalise(f"postmaster@{bare}"))
    except AddressInvalid as error:
        raise DomainInvalid(f"{bare!r} is not the name of a domain. Write it like news.example.com.") from error


def pool_for(campaign: Campaign, book: DomainBook | None = None) -> int | None:
    """The pool that this campaign names, else its sending domain's; None where the default one is meant.

    book: where a worker looks domains up without asking the database.
    """
    own = CampaignPool.objects.filter(campaign_id=campaign.pk).values_list("pool_id", flat=True).first()
    if own is not None:
        return own
    domain = book.find(campaign.from_email) if book else find(campaign.from_email)
    return domain.pool_id if domain else None


def pause(address: str, until: datetime, reason: str) -> str:
    """Send nothing from the domain of this From address until then; the name of the domain that is paused.

    A later end that is already set stays. A domain without a row gets one: a pause must be seen, and ended, somewhere.
    """
    domain = find(address) or SendingDomain.objects.get_or_create(domain=domain_of(address).lower())[0]
    sooner = Q(paused_until__isnull=True) | Q(paused_until__lt=until)
    SendingDomain.objects.filter(sooner, pk=domain.pk).update(paused_until=until, pause_reason=storable(reason))
    return domain.domain


def resume(address: str) -> bool:
    """End the pause of the domain of this From address; False where there was none."""
    return bool(_paused(address).update(paused_until=None, pause_reason=""))


def _paused(address: str) -> QuerySet[SendingDomain]:
    domain = find(address)
    return SendingDomain.objects.filter(domain=domain.domain if domain else "", paused_until__gt=Now())
