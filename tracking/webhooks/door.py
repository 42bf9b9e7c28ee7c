"""One provider's webhook, ready to prove requests; kept in mind, so that it works while PostgreSQL is away."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.utils.crypto import constant_time_compare

from campaigns import crypto
from delivery.models import Provider
from tracking.returned import DatabaseAway
from tracking.webhooks.kinds import KINDS, WebhookKind, kinds_of
from tracking.webhooks.proof import open_view
from tracking.webhooks.secrets import address, secret_of

log = logging.getLogger(__name__)

# a new secret counts in every process after so long
KEEP_SECONDS = 5.0
MAX_DOORS = 500


@dataclass(frozen=True, slots=True)
class Door:
    """view: anymail's, made from the secret; None where no secret was set, and then nothing is taken."""

    provider_id: int
    kind: WebhookKind
    view: Any


def speaks_for(door: Door, provider_id: int) -> bool:
    """Whether a door's ESP may tell of what that provider sent.

    It may tell of another provider's mail where both have the same secret, which makes them one account; and of what
    a provider sent that was deleted since.
    """
    if provider_id == door.provider_id:
        return True
    both = Provider.objects.in_bulk([door.provider_id, provider_id])
    if len(both) < 2:
        return provider_id not in both
    try:
        mine, other = (secret_of(both[pk], door.kind) for pk in (door.provider_id, provider_id))
    except crypto.SecretUnreadable:
        return False
    return constant_time_compare(mine, other)


_known: dict[tuple[str, int], tuple[float, Door | None]] = {}


def find_door(esp: str, provider_id: int) -> Door | None:
    """The door of an ESP at a provider, None where there can be none: no such provider, or one of another ESP.

    What was known last is used while PostgreSQL is away; where nothing is, raises what a lost server raises.
    """
    kind = KINDS.get(esp)
    if kind is None:
        return None
    kept = _known.get((esp, provider_id))
    if kept is not None and time.monotonic() - kept[0] < KEEP_SECONDS:
        return kept[1]
    try:
        door = _open(kind, provider_id)
    except DatabaseAway:
        if kept is None:
            raise
        return kept[1]
    if len(_known) >= MAX_DOORS:
        _known.clear()
    _known[esp, provider_id] = (time.monotonic(), door)
    return door


def forget_doors() -> None:
    """Begin as a new process does."""
    _known.clear()


def _open(kind: WebhookKind, provider_id: int) -> Door | None:
    provider = Provider.objects.filter(pk=provider_id).first()
    if provider is None or kind not in kinds_of(provider):
        return None
    try:
        secret = secret_of(provider, kind)
        view = open_view(kind, secret, **_options(kind, provider)) if secret else None
    except (crypto.SecretUnreadable, ValueError, TypeError) as error:
        log.error("the webhook of %s for %s is shut: %s", provider, kind.label, error)
        view = None
    return Door(provider_id, kind, view)


def _options(kind: WebhookKind, provider: Provider) -> dict[str, Any]:
    if kind.name == "mandrill":
        # it signs the address as it stands there, whatever a proxy makes of it on the way
        return {"webhook_url": address(provider.pk, kind)}
    if kind.name == "ses" and provider.kind == Provider.Kind.SES:
        from delivery.esp.account import account_of
        from delivery.esp.backends import ses_client, ses_session  # boto3 takes its time to load

        account = account_of(provider)
        return {"session_params": ses_session(account), "client_params": ses_client(account)}
    return {}
