"""Sending domains: a key that opens for each that signs, and what DNS last said."""

from __future__ import annotations

from campaigns import crypto
from delivery import domain_keys
from delivery.engine.dkim_keys import KeyUnusable
from delivery.models import SendingDomain
from massmailer.doctor.check import Check, fail, ok, warn

LOST = "Put the old key back at the end of ENCRYPTION_KEYS; or switch signing off, and generate a new key there."


def sending_domains() -> list[Check]:
    """One check for each sending domain that signs, or whose DNS records are wrong."""
    return [_domain(domain) for domain in SendingDomain.objects.all() if domain.is_signing or _is_red(domain)]


def _domain(domain: SendingDomain) -> Check:
    name = f"domain {domain}"
    try:
        has_keys = bool(domain_keys.records(domain)) or not domain.is_signing
    except (crypto.SecretUnreadable, KeyUnusable) as error:
        if domain.is_signing:
            return fail(name, f"its DKIM key cannot be opened, so nothing leaves: {error}", LOST)
        has_keys = True
    if not has_keys:
        return fail(name, "signs, but has no key, so nothing leaves", "Generate a key, or switch signing off.")
    if _is_red(domain):
        bad = [line["name"] for line in domain.dns_report.get("lines", []) if line["state"] == "error"]
        cure = "Publish the records that its page under Sending domains shows, and check DNS there again."
        return warn(name, f"DNS does not say what it must: {', '.join(bad)}", cure)
    return ok(name, f"signs with {domain.dkim_selector}")


def _is_red(domain: SendingDomain) -> bool:
    return domain.dns_report.get("state") == "error"
