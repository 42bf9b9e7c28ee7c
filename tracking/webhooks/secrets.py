"""The secrets of webhooks: sealed with the provider's credentials, one for each ESP that may call."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from delivery.models import Provider
from delivery.providers import WEBHOOK
from tracking.webhooks.kinds import WebhookKind

USER = "massmailer"


def secret_of(provider: Provider, kind: WebhookKind) -> str:
    """The key, or "user:password"; "" where none was set. Raises crypto.SecretUnreadable."""
    return provider.credentials.get(WEBHOOK + kind.name, "")


@transaction.atomic
def set_secret(provider_id: int, kind: WebhookKind, secret: str) -> None:
    """Store a secret, or take it away with "": the address is then not there any more. Raises crypto.SecretUnreadable.

    Raises ValueError with the cure for a key that cannot be one.
    """
    problem = _problem(kind, secret)
    if problem:
        raise ValueError(problem)
    provider = Provider.objects.select_for_update().get(pk=provider_id)
    others = {name: value for name, value in provider.credentials.items() if name != WEBHOOK + kind.name}
    provider.credentials = {**others, **({WEBHOOK + kind.name: secret} if secret else {})}
    provider.save(update_fields=["sealed_credentials", "updated_at"])


def new_password() -> str:
    """ "user:password" that an ESP logs in with; safe in an address as it stands."""
    return f"{USER}:{secrets.token_urlsafe(24)}"


def address(provider_id: int, kind: WebhookKind, secret: str = "") -> str:
    """The address to paste at the ESP; with a password in it where `secret` is one."""
    path = reverse("tracking-webhook", args=[kind.name, provider_id])
    scheme, _, host = settings.TRACKING_URL.partition("://")
    login = f"{secret}@" if secret and kind.proof == "password" else ""
    return f"{scheme}://{login}{host}{path}"


def tidied(kind: WebhookKind, typed: str) -> str:
    """A key as it was meant: without white space, and without the lines that stand around a public key in PEM."""
    lines = [line.strip() for line in typed.splitlines() if not line.strip().startswith("-----")]
    return "".join("".join(lines).split()) if kind.proof == "key" else typed.strip()


def _problem(kind: WebhookKind, secret: str) -> str:
    from tracking.webhooks.proof import open_view

    if not secret:
        return ""
    if not secret.isascii() or not secret.isprintable():
        return "A key has no letters beyond ASCII."
    try:
        open_view(kind, secret)
    except (ValueError, TypeError) as error:
        return f"This is not the {kind.key_name.lower() or 'password'}: {str(error).splitlines()[0][:120]}"
    return ""
