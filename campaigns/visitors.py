"""Where a request came from, as much of it as is kept or counted: a network, never more."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

NETWORK_BITS = {4: 24, 6: 48}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Origin(NamedTuple):
    """Where a request came from. network: /24 or /48 as "203.0.113.0/24", "" where the address is not known.

    stranger: what a limit counts by: the network; "" for our own machine, behind which everybody may stand.
    """

    network: str
    stranger: str


def address(request: HttpRequest) -> Address | None:
    """The caller's address, None where it is not known. Behind a proxy of ours the proxy's word is taken.

    Of several in a row (settings.TRUSTED_PROXIES) each has added one entry: the first of theirs is the caller.
    """
    return _address(request.META)


def network(request: HttpRequest) -> str:
    """As in Origin."""
    return origin(request.META).network


def stranger(request: HttpRequest) -> str:
    """As in Origin."""
    return origin(request.META).stranger


def origin(meta: Mapping[str, Any]) -> Origin:
    """Where the request with these CGI variables (a WSGI environ, or `request.META`) came from."""
    found = _address(meta)
    if found is None:
        return Origin("", "")
    seen = _network(found)
    return Origin(seen, "" if found.is_loopback else seen)


def _address(meta: Mapping[str, Any]) -> Address | None:
    remote = meta.get("REMOTE_ADDR", "")
    forwarded = meta.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and _may_be_ours(remote):
        # the last entries were written by the proxies next to us, the ones before them by anybody
        found = _parse(forwarded.split(",")[-max(1, settings.TRUSTED_PROXIES) :][0])
    else:
        found = _parse(remote)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


# proxies are few and come with every request, and whether an address is private takes longer than reading it
@lru_cache(maxsize=64)
def _may_be_ours(remote: str) -> bool:
    """Whether this may be a proxy of ours. An address that nobody knows is that of a socket in the file system."""
    found = _parse(remote)
    return found is None or found.is_private or found.is_loopback


def _network(found: Address) -> str:
    if isinstance(found, ipaddress.IPv4Address):
        # ipaddress' own network costs four times as much, and every open and click passes here
        return f"{str(found).rpartition('.')[0]}.0/24"
    return str(ipaddress.ip_network((found, NETWORK_BITS[found.version]), strict=False))


def _parse(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
