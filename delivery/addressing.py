"""Where answers to a message go: its return path, and the header that unsubscribes."""

from __future__ import annotations

from django.conf import settings

from delivery.engine.headers import list_unsubscribe


def unsubscribe_header(url: str, token: str) -> str:
    """One web address for one-click, and a mailto where bounces come to us."""
    domain = settings.BOUNCE_DOMAIN
    mailto = f"unsubscribe@{domain}?subject={token}" if domain else ""
    return list_unsubscribe(url, mailto)


def return_path(bounce_token: str, sender: str, bounce_domain: str) -> str:
    """The envelope sender: the token tells which message came back, where we receive bounces at all."""
    return f"b+{bounce_token}@{bounce_domain}" if bounce_domain else sender
