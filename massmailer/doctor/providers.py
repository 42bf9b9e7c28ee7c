"""Providers: each answers, each can be logged in to, and each stream has one."""

from __future__ import annotations

from delivery import crypto
from delivery import providers as delivery_providers
from delivery.models import Pool, Provider
from massmailer.doctor.check import Check, fail, ok, warn

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
