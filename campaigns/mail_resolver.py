"""Asking DNS who takes a domain's mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """hosts: the servers that are tried first, several where they rank equal; empty where the domain takes no mail.

    error: why nobody knows for now, "" where DNS answered.
    """

    hosts: tuple[str, ...] = ()
    error: str = ""


class Resolver(Protocol):
    """What `mail_domains` needs of DNS."""

    async def is_there(self) -> bool:
        """False while DNS cannot be asked at all: no server is configured, or none answers."""
        ...

    async def exchanges(self, domain: str) -> Answer:
        """Who takes the domain's mail. Takes TIMEOUT_SECONDS at most and raises nothing that the network does."""
        ...


class DnsResolver:
    """The resolvers of this machine, or `nameservers` (addresses) on `port`."""

    def __init__(self, nameservers: Sequence[str] = (), port: int = 53) -> None:
        self._resolver: dns.asyncresolver.Resolver | None
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not nameservers)
        except (dns.resolver.NoResolverConfiguration, OSError):
            self._resolver = None
            return
        if nameservers:
            self._resolver.nameservers = list(nameservers)
            self._resolver.port = port
        self._resolver.lifetime = TIMEOUT_SECONDS

    async def is_there(self) -> bool:
        """Ask for the root's name servers: whoever resolves names knows them."""
        if self._resolver is None:
            return False
        try:
            await self._resolver.resolve(".", "NS")
        except (dns.exception.DNSException, OSError):
            return False
        return True

    async def exchanges(self, domain: str) -> Answer:
        """As `Resolver` says."""
        if self._resolver is None:
            return Answer(error="no resolver")
        try:
            found = await self._resolver.resolve(f"{domain}.", "MX")
        except dns.resolver.NXDOMAIN:
            return Answer()
        except dns.resolver.NoAnswer:
            # without MX records the domain's own host takes its mail (RFC 5321 section 5.1)
            return Answer((domain,))
        except (dns.exception.DNSException, OSError) as error:
            return Answer(error=f"{type(error).__name__}: {error}"[:200])
        records = [(record.preference, record.exchange.to_text(omit_final_dot=True)) for record in found]
        best = min(preference for preference, _ in records)
        # a single "." says that the domain takes no mail (RFC 7505)
        return Answer(
            tuple(sorted(host for preference, host in records if preference == best and host not in ("", ".")))
        )
