"""What is kept of a request: its user agent, cut, and the network that it came from, never the address."""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest

from tracking.occurrence import USER_AGENT_CHARACTERS
from tracking.who import Visit

PURPOSE_HEADERS = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
NETWORK_BITS = {4: 24, 6: 48}


def user_agent(request: HttpRequest) -> str:
    return request.headers.get("User-Agent", "")[:USER_AGENT_CHARACTERS]


def network(request: HttpRequest) -> str:
    """The caller's /24 or /48; "" where it is not known. Behind a proxy of ours the proxy's word is taken."""
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and (address is None or address.is_private or address.is_loopback):
        # the last entry was written by the proxy next to us, the ones before it by anybody
        address = _parse(forwarded.rpartition(",")[2])
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, NETWORK_BITS[address.version]), strict=False))


def visit(kind: str, request: HttpRequest) -> Visit:
    """The request as the rules of `who` see it. kind: "open" or "click"."""
    purpose = " ".join(request.headers.get(name, "") for name in PURPOSE_HEADERS)
    return Visit(kind, request.method or "GET", user_agent(request), purpose.strip().lower())


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None
