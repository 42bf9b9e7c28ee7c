"""Which addresses may be called. Pure.

A name that people typed in may lead anywhere: to a database on this machine, to a cloud's metadata with its
credentials. So the address that a name resolves to is judged, never the name.
Source: the IANA special-purpose address registries; OWASP, Server-Side Request Forgery Prevention.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# never, whatever an operator has listed: nobody's webhook lives there, and credentials do
_METADATA = _networks(
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure; public by its number
    "192.0.0.192/32",  # Oracle
    "fd00:ec2::254/128",  # Amazon; its 169.254.169.254, like that of most others, is link-local
)
_UNUSABLE = _networks("0.0.0.0/8", "240.0.0.0/4", "64:ff9b:1::/48")
# this machine and this house: only hosts that an operator has listed may resolve to them
_PRIVATE = _networks(
    "100.64.0.0/10", "fec0::/10",
    # Python's own table of these differs from one patch release to the next
    "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "2001::/23", "100::/64", "3fff::/20", "5f00::/16",
)  # fmt: skip

# IPv4 addresses inside IPv6 ones: the prefix, and how far the four bytes stand from the right end
_EMBEDDED: tuple[tuple[Network, int], ...] = (
    (ipaddress.ip_network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.ip_network("::ffff:0:0:0/96"), 0),  # translated (SIIT)
    (ipaddress.ip_network("::/96"), 0),  # compatible
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4
)


def refusal(address: Address, *, is_trusted: bool = False) -> str:
    """Why this address may not be called, in words for a person; "" where it may.

    is_trusted: an operator has listed the host, so private and loopback addresses may be called.
    """
    for seen in _all_of(address):
        if any(_is_in(seen, network) for network in _METADATA) or seen.is_link_local:
            return f"{address} belongs to the machine's own network or to a cloud's metadata service."
        if seen.is_multicast or seen.is_unspecified or any(_is_in(seen, network) for network in _UNUSABLE):
            return f"{address} is nobody's address."
        is_private = not seen.is_global or any(_is_in(seen, network) for network in _PRIVATE)
        if is_private and not is_trusted:
            return f"{address} is a private address."
    return ""


def _all_of(address: Address) -> Iterator[Address]:
    """The address that counts: the IPv4 one inside an IPv6 one where there is one, else itself."""
    embedded = embedded_ipv4(address)
    # the loopback and "any" of IPv6 lie within ::/96, and are judged as what they are
    if embedded is None or address in (ipaddress.IPv6Address("::1"), ipaddress.IPv6Address("::")):
        yield address
    else:
        yield embedded


def embedded_ipv4(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that traffic to this IPv6 address may end at; None where there is none."""
    for network, shift in _EMBEDDED:
        if _is_in(address, network):
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFF_FFFF)
    return None


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
