"""The names under which recipients and their servers reach us."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from massmailer.doctor.check import Check, fail, ok, warn

DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def public_url() -> Check:
    return _judge("PUBLIC_URL", settings.PUBLIC_URL)


def tracking_url() -> Check:
    return _judge("TRACKING_URL", settings.TRACKING_URL)


def bounce_domain() -> Check:
    domain = settings.BOUNCE_DOMAIN
    if not domain:
        return warn(
            "BOUNCE_DOMAIN",
            "not set: late bounces go to the From address, where nobody counts them",
            "Set it to a subdomain whose MX leads here, such as bounces.example.com.",
        )
    if not DOMAIN.fullmatch(domain):
        return fail(
            "BOUNCE_DOMAIN", f"{domain!r} is not a domain", "Set it to a bare name such as bounces.example.com."
        )
    return ok("BOUNCE_DOMAIN", domain)


def debug() -> Check:
    if not settings.DEBUG:
        return ok("DEBUG", "off")
    cure = "Unset DEBUG: it shows settings and queries to every visitor and keeps all queries in memory."
    return warn("DEBUG", "on", cure) if settings.EMBEDDED else fail("DEBUG", "on in production", cure)


def _judge(name: str, url: str) -> Check:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.path or parts.query or not host:
        return fail(
            name, f"{url} is more than scheme and host", f"Set {name} to something like https://mail.example.com."
        )
    if not validate_host(host, settings.ALLOWED_HOSTS):
        return fail(
            name, f"{host} is not in ALLOWED_HOSTS: every link ends in an error", f"Add {host} to ALLOWED_HOSTS."
        )
    if _is_local(host):
        cure = f"Set {name} to the address that recipients can reach, before mail goes to real people."
        return warn(name, f"{url} leads recipients to their own machine", cure)
    if parts.scheme != "https":
        return warn(name, f"{url} is not encrypted", f"Put a certificate before it and set {name} to https://{host}.")
    return ok(name, url)


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
