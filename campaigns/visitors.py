"""Where a request came from, as much of it as is kept or counted: a network, never more."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

NETWORK_BITS = {4: 24, 6: 48}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(request: HttpRequest) -> Address | None:
    """The caller's address, None where it is not known. Behind a proxy of ours the proxy's word is taken.

    Of several in a row (settings.TRUSTED_PROXIES) each has added one entry: the first of theirs is the caller.
    """
    found = _parse(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and (found is None or found.is_private or found.is_loopback):
        # the last entries were written by the proxies next to us, the ones before them by anybody
        found = _parse(forwarded.split(",")[-max(1, settings.TRUSTED_PROXIES) :][0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def network(request: HttpRequest) -> str:
    """The caller's /24 or /48 as "203.0.113.0/24"; "" where the address is not known."""
    found = address(request)
    if found is None:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        # ipaddress' own network costs four times as much, and every open and click passes here
        return f"{str(found).rpartition('.')[0]}.0/24"
    return str(ipaddress.ip_network((found, NETWORK_BITS[found.version]), strict=False))


def stranger(request: HttpRequest) -> str:
    """What a limit counts by: the caller's network; "" for our own machine, behind which everybody may stand."""
    found = address(request)
    return "" if found is None or found.is_loopback else network(request)


def _parse(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
