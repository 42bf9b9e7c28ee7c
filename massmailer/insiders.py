"""Who may see the inner numbers: a program on this machine, or whoever knows METRICS_TOKEN."""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpRequest

# a proxy on this machine makes every stranger look like a neighbour, but it says for whom it asks
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_HOST")


def is_insider(request: HttpRequest) -> bool:
    """Whether the request came straight from this machine's loopback, or bears METRICS_TOKEN."""
    return _has_token(request) or _is_neighbour(request)


def _has_token(request: HttpRequest) -> bool:
    wanted = settings.METRICS_TOKEN
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), wanted.encode())


def _is_neighbour(request: HttpRequest) -> bool:
    if any(name in request.META for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a Unix socket has no address: whoever is behind it is not known
        return False
