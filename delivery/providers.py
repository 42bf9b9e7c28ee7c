"""Adding providers, and trying whether they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from campaigns.addresses import MAILBOX_GROUPS
from delivery.engine.smtp import Endpoint, ProbeReport, probe
from delivery.esp.account import account_of
from delivery.esp.kinds import KINDS, problems
from delivery.esp.report import EspReport
from delivery.models import GroupLimit, Pool, PoolMember, Provider

# secrets of webhooks stand beside those of sending, and are not its business
WEBHOOK = "webhook:"


def endpoint_of(provider: Provider) -> Endpoint:
    """The SMTP endpoint of a provider, its password opened. Raises crypto.SecretUnreadable."""
    return Endpoint(
        host=provider.host,
        port=provider.port,
        security=provider.security,  # type: ignore[arg-type]  # the choices of the field are the literal's values
        username=provider.username,
        password=provider.credentials.get("password", ""),
        local_address=provider.local_address or "",
        ca_file=provider.credentials.get("ca_file", ""),
        verify=provider.credentials.get("verify", "yes") != "no",
        chunking=provider.chunking,
    )


def metadata_of(provider: Provider) -> Callable[[str], tuple[str, str]] | None:
    """What writes our token into a header for the ESP behind a relay; None where nobody listens to its webhook."""
    secrets = provider.credentials
    if not any(name.startswith(WEBHOOK) for name in secrets):
        return None
    from delivery.esp.smtp_metadata import metadata_writer  # anymail and its kin: most relays are no ESP's

    return metadata_writer(secrets, WEBHOOK)


@transaction.atomic
def default_pool(stream: str) -> Pool:
    """The pool that is used where none is named; made when it is missing."""
    pool, _ = Pool.objects.get_or_create(
        stream=stream, is_default=True, defaults={"name": f"Default {Pool.Stream(stream).label.lower()}"}
    )
    return pool


@transaction.atomic
def add_provider(
    *,
    name: str,
    url: str,
    weight: int = 1,
    tier: int | None = None,
    rate_per_second: float | None = None,
    max_connections: int = 20,
    chunking: bool | None = None,
    pools: Sequence[str] = (),
) -> Provider:
    """Create or change the SMTP provider called `name` and put it into the pools, by default those of both streams.

    url: smtp://, smtp+starttls:// or smtps:// with optional user and password. chunking: None leaves it as it is.
    Raises ValueError that names what is wrong with the URL, Pool.DoesNotExist for an unknown pool.
    """
    endpoint = Endpoint.from_url(url)
    secrets = {"password": endpoint.password, "ca_file": endpoint.ca_file, "verify": "" if endpoint.verify else "no"}
    provider = Provider.objects.filter(name=name).first() or Provider(name=name)
    provider.kind, provider.options, provider.batch_size = Provider.Kind.SMTP, {}, None
    provider.host, provider.port, provider.security = endpoint.host, endpoint.port, endpoint.security
    provider.username, provider.local_address = endpoint.username, endpoint.local_address or None
    provider.rate_per_second, provider.max_connections = rate_per_second, max_connections
    provider.chunking = provider.chunking if chunking is None else chunking
    kept = provider.credentials if provider.sealed_credentials else {}
    of_others = {key: value for key, value in kept.items() if key.startswith(WEBHOOK)}
    provider.credentials = {**of_others, **{key: value for key, value in secrets.items() if value}}
    provider.full_clean()
    provider.save()
    join_pools(provider, weight=weight, tier=tier, pools=pools)
    return provider


@transaction.atomic
def add_esp(
    *,
    name: str,
    kind: str,
    secrets: Mapping[str, str],
    options: Mapping[str, str],
    batch_size: int | None = None,
    weight: int = 1,
    tier: int | None = None,
    rate_per_second: float | None = None,
    max_connections: int = 20,
    pools: Sequence[str] = (),
) -> Provider:
    """Create or change the ESP account called `name` and put it into the pools, by default those of both streams.

    secrets: "api_key" and, for some kinds, "secret_key"; options: see `delivery.esp.kinds`. What is left empty of the
    secrets stays as it is stored, where the account is of the same kind.
    Raises ValueError that names what is wrong, Pool.DoesNotExist for an unknown pool.
    """
    provider = Provider.objects.filter(name=name).first() or Provider(name=name)
    kept = provider.credentials if provider.kind == kind else {}
    given = {**kept, **{key: value for key, value in secrets.items() if value}}
    wrong = problems(KINDS[kind], given, options)
    if wrong:
        raise ValueError(" ".join(f"{key}: {words}" for key, words in wrong.items()))
    provider.kind, provider.host, provider.username, provider.local_address = kind, "", "", None
    provider.options, provider.credentials, provider.batch_size = dict(options), given, batch_size
    provider.rate_per_second, provider.max_connections = rate_per_second, max_connections
    provider.full_clean()
    provider.save()
    join_pools(provider, weight=weight, tier=tier, pools=pools)
    return provider


@transaction.atomic
def join_pools(provider: Provider, *, weight: int = 1, tier: int | None = None, pools: Sequence[str] = ()) -> None:
    """Put a provider into the pools of these names, by default those of both streams. Raises Pool.DoesNotExist.

    tier: None leaves it as it is, 1 for a new member. Raises ValidationError for a weight or tier out of range.
    """
    chosen = [Pool.objects.get(name=pool) for pool in pools] or [default_pool(stream) for stream in Pool.Stream.values]
    for pool in chosen:
        member = PoolMember.objects.filter(pool=pool, provider=provider).first()
        member = member or PoolMember(pool=pool, provider=provider)
        member.weight, member.tier = weight, member.tier if tier is None else tier
        member.full_clean(validate_unique=False, validate_constraints=False)
        member.save()


@dataclass(frozen=True, slots=True)
class GivenLimits:
    """Limits that somebody names; what is None or not among group_rates (e-mails a second) stays as it is."""

    per_hour: int | None = None
    per_day: int | None = None
    local_address: str | None = None
    group_rates: Mapping[str, float] = field(default_factory=dict)


@transaction.atomic
def set_limits(provider: Provider, given: GivenLimits) -> None:
    """Set the limits that are given. Raises ValueError for a group that nobody knows, ValidationError for numbers."""
    unknown = sorted(set(given.group_rates) - set(MAILBOX_GROUPS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no mailbox group; use one of {', '.join(MAILBOX_GROUPS)}.")
    if given.per_hour is not None:
        provider.rate_per_hour = given.per_hour
    if given.per_day is not None:
        provider.rate_per_day = given.per_day
    if given.local_address is not None:
        provider.local_address = given.local_address
    provider.full_clean()
    provider.save()
    for group, rate in given.group_rates.items():
        GroupLimit.objects.update_or_create(provider=provider, mailbox_group=group, defaults={"rate_per_second": rate})


def check_connection(provider_id: int) -> ProbeReport | EspReport:
    """Connect, log in and leave, or ask an ESP whether the key works: what was found, or what is wrong and its cure.

    Takes seconds at most; no mail is sent. Raises crypto.SecretUnreadable, ValueError for settings that cannot be used.
    """
    provider = Provider.objects.get(pk=provider_id)
    if provider.kind != Provider.Kind.SMTP:
        from delivery.esp.check import check  # boto3 and its kin cost every process 0.2 s that starts

        return check(account_of(provider))
    return asyncio.run(probe(endpoint_of(provider)))
