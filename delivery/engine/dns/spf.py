"""SPF records (RFC 7208), read whole: what they include, which networks they let send, how many look-ups they cost."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from delivery.engine.dns.ask import Dns

MOST_LOOKUPS = 10
"""Receivers stop there with a permanent error (RFC 7208 section 4.6.4)."""
_GIVE_UP = 30
_TERM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:([:/])(.*))?", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Spf:
    """What a record comes to, its includes and redirects followed.

    problems: why receivers would not accept it, in words. is_open: it lets everybody send. is_whole: False where a part
    depends on the message (macros, exists, ptr), so that more may be allowed than `networks` says.
    """

    lookups: int = 0
    includes: set[str] = field(default_factory=set)
    networks: list[Network] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_open: bool = False
    is_whole: bool = True

    def allows(self, address: str) -> bool:
        """Whether a network of the record holds this address."""
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in self.networks if network.version == ip.version)


async def records(dns: Dns, domain: str) -> list[str]:
    """The SPF records of a domain: there should be one. Raises Unasked."""
    return [text for text in await dns.texts(domain) if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)]


async def follow(dns: Dns, domain: str, record: str) -> Spf:
    """Read a record and all that it points to. Raises Unasked where a part of it could not be asked for."""
    spf = Spf()
    await _Reader(dns, spf).read(domain, record, is_top=True)
    return spf


class _Reader:
    """Walks through one record; the counts of all its parts go into one `Spf`."""

    def __init__(self, dns: Dns, spf: Spf) -> None:
        self._dns = dns
        self._spf = spf

    async def read(self, domain: str, record: str, *, is_top: bool) -> None:
        redirect, has_all = "", False
        for term in record.split()[1:]:
            mechanism = _TERM.fullmatch(term)
            modifier = _MODIFIER.fullmatch(term)
            if mechanism:
                passes, name = mechanism[1] in ("", "+"), mechanism[2].lower()
                has_all = has_all or name == "all"
                self._spf.is_open |= name == "all" and passes and is_top
                await self._mechanism(domain, name, mechanism[3] or "", mechanism[4] or "", passes=passes)
            elif modifier:
                redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
            else:
                self._spf.problems.append(f"{term!r} in the record of {domain} is not understood")
        if redirect and not has_all and self._count():
            await self._go_on(redirect, is_top=is_top)

    async def _mechanism(self, domain: str, name: str, mark: str, value: str, *, passes: bool) -> None:
        if name in ("ip4", "ip6"):
            self._add_network(value, domain) if passes else None
            return
        if name == "all" or not self._count():
            return
        target, _, length = (value if mark == ":" else f"{domain}/{value}").partition("/")
        if name in ("exists", "ptr") or "%" in target:
            self._spf.is_whole = False
        elif name == "include":
            self._spf.includes.add(target.lower().removesuffix("."))
            await self._go_on(target, is_top=False)
        else:
            hosts = [target] if name == "a" else await self._dns.mail_hosts(target)
            for host in filter(None, hosts):
                self._add_hosts(await self._dns.addresses(host), length, domain) if passes else None

    async def _go_on(self, target: str, *, is_top: bool) -> None:
        found = await records(self._dns, target)
        if len(found) != 1:
            self._spf.problems.append(
                f"{target}, which it points to, has {'no' if not found else 'more than one'} record"
            )
            return
        await self.read(target, found[0], is_top=is_top)

    def _count(self) -> bool:
        """Count one look-up; False where there are so many that it may be a circle."""
        self._spf.lookups += 1
        return self._spf.lookups <= _GIVE_UP

    def _add_network(self, text: str, domain: str) -> None:
        try:
            self._spf.networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            self._spf.problems.append(f"{text!r} in the record of {domain} is not a network")

    def _add_hosts(self, addresses: list[str], lengths: str, domain: str) -> None:
        """lengths: of the prefixes around each address, such as "24", "24//64" or "/64"."""
        four, _, six = lengths.partition("/")
        for address in addresses:
            length = six.removeprefix("/") if ":" in address else four
            self._add_network(f"{address}/{length}" if length else address, domain)
