"""Providers: each answers, each can be logged in to, and each stream has one."""

from __future__ import annotations

from campaigns import crypto
from delivery import providers as delivery_providers
from delivery.models import Pool, Provider
from massmailer.doctor.check import Check, fail, ok, warn
from tracking.webhooks import secrets, state
from tracking.webhooks.kinds import KINDS, WebhookKind

ADD = "Add one: bin/manage add_provider --name NAME --smtp smtp+starttls://USER:PASSWORD@HOST:587"


def default_pools() -> list[Check]:
    """One check for each stream: its default pool has an active provider."""
    return [_default_pool(stream) for stream in Pool.Stream.values]


def _default_pool(stream: str) -> Check:
    name = f"{stream} pool"
    pool = Pool.objects.filter(stream=stream, is_default=True).first()
    if pool is None:
        return fail(name, "there is no default pool: this mail cannot leave", ADD)
    active = list(pool.providers.filter(state=Provider.State.ACTIVE).values_list("name", flat=True))
    if not active:
        return fail(name, f"{pool.name} has no active provider: this mail cannot leave", ADD)
    return ok(name, f"{pool.name}: {', '.join(active)}")


def providers() -> list[Check]:
    """One check for each active provider: connect, log in, leave."""
    active = Provider.objects.filter(state=Provider.State.ACTIVE)
    return [_provider(provider) for provider in active]


def webhooks() -> list[Check]:
    """One check for each ESP account: it can tell us of bounces and complaints."""
    accounts = Provider.objects.exclude(kind=Provider.Kind.SMTP).exclude(state=Provider.State.PAUSED)
    return [_webhook(provider, KINDS[provider.kind]) for provider in accounts if provider.kind in KINDS]


def _webhook(provider: Provider, kind: WebhookKind) -> Check:
    name = f"webhook of {provider.name}"
    cure = (
        "Open the provider's page in the admin, “What comes back by webhook”: it says what to click and what to copy."
    )
    try:
        has_secret = bool(secrets.secret_of(provider, kind))
    except crypto.SecretUnreadable as error:
        return fail(name, str(error), "Put the old key back at the end of ENCRYPTION_KEYS, or set the secret anew.")
    if not has_secret:
        return warn(name, "it has no secret, so its address is not there: bounces and complaints are not known", cure)
    told = state.of_provider(provider.pk).get(kind.name)
    if told is not None and told.confirm_url:
        return warn(name, "Amazon SNS waits for somebody to confirm the subscription", cure)
    if told is None or told.last_event_at is None:
        return warn(name, "it has a secret, and nothing has ever come", cure)
    return ok(name, f"last event {told.last_event_at:%Y-%m-%d %H:%M} UTC")


def _provider(provider: Provider) -> Check:
    name = f"provider {provider.name}"
    try:
        report = delivery_providers.check_connection(provider.pk)
    except crypto.SecretUnreadable as error:
        return fail(name, str(error), "Put the old key back at the end of ENCRYPTION_KEYS, or save the password anew.")
    if report.error:
        return fail(name, report.error, "Correct the provider in the admin, or pause it there until it is back.")
    if provider.security == Provider.Security.PLAIN and provider.username:
        return warn(name, "the password travels unencrypted", "Choose STARTTLS or TLS.")
    return ok(name, f"{provider.host}:{provider.port} answers")
