"""Questions to DNS, with short time-outs, and a difference between "there is none" and "nobody answered"."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
import dns.reversename

TIMEOUT_SECONDS = 2.0
"""For one question, its repetitions included."""

# a name that cannot be written in DNS has no record there
_IMPOSSIBLE = (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, dns.name.BadEscape, UnicodeError)


class Unasked(Exception):
    """DNS gave no answer: neither that a record is there, nor that it is not. Judge nothing by it."""


def system_resolver() -> dns.asyncresolver.Resolver:
    """The resolver that this machine is set to. Raises Unasked where it is set to none."""
    try:
        resolver = dns.asyncresolver.Resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise Unasked("this machine has no resolver") from error
    # keys of 2048 bits do not fit into 512 bytes with their name
    resolver.use_edns(0, 0, 1232)
    return resolver


class Dns:
    """Answers of one resolver as plain values. Every method raises Unasked."""

    def __init__(self, resolver: dns.asyncresolver.Resolver) -> None:
        self._resolver = resolver
        self._knows_root: asyncio.Task[bool] | None = None

    async def texts(self, name: str) -> list[str]:
        """The TXT records of a name, their strings joined."""
        answers = await self._ask(name, "TXT")
        return [b"".join(one.strings).decode("utf-8", "replace") for one in answers]

    async def mail_hosts(self, name: str) -> list[str]:
        """The hosts of the MX records, the most preferred first; "" is the null MX of RFC 7505."""
        answers = sorted(await self._ask(name, "MX"), key=lambda one: int(one.preference))
        return [_text(one.exchange) for one in answers]

    async def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses of a name."""
        found = [*await self._ask(name, "A"), *await self._ask(name, "AAAA")]
        return [str(one.address) for one in found]

    async def names_of(self, address: str) -> list[str]:
        """The names in the PTR records of an address."""
        return [_text(one.target) for one in await self._ask(dns.reversename.from_address(address), "PTR")]

    async def _ask(self, name: str | dns.name.Name, kind: str) -> Iterable[Any]:
        try:
            return await self._resolver.resolve(name, kind, lifetime=TIMEOUT_SECONDS, search=False)
        except _IMPOSSIBLE:
            return []
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            if not await self._is_connected():
                raise Unasked("the resolver does not even know the root: it is not connected") from None
            return []
        except dns.exception.Timeout as error:
            raise Unasked(f"no answer about {name} within {TIMEOUT_SECONDS:g} seconds") from error
        except (dns.exception.DNSException, OSError) as error:
            raise Unasked(f"the resolver gave no answer about {name}") from error

    async def _is_connected(self) -> bool:
        """Whether a "there is none" of this resolver can be believed: asked once, when the first one comes."""
        if self._knows_root is None:
            self._knows_root = asyncio.create_task(self._ask_root())
        return await self._knows_root

    async def _ask_root(self) -> bool:
        try:
            await self._resolver.resolve(dns.name.root, "NS", lifetime=TIMEOUT_SECONDS, search=False)
        except (dns.exception.DNSException, OSError):
            return False
        return True


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
