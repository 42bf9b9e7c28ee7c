"""An ESP account as a channel uses it: opened secrets, addresses, limits."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

from delivery.esp.kinds import DEFAULT_RECIPIENTS, KINDS, EspKind, problems
from delivery.models import Provider

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EspAccount:
    """base_url: of the API, with a slash at its end; "" where boto3 knows it. recipients: a request at most.

    calls: requests at once. timeouts: seconds to connect, and to wait for an answer.
    """

    kind: EspKind
    name: str
    base_url: str
    recipients: int
    calls: int
    timeouts: tuple[float, float]
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = ""
    domain: str = ""
    message_stream: str = ""
    configuration_set: str = ""


def account_of(provider: Provider) -> EspAccount:
    """The account of an ESP provider. Raises crypto.SecretUnreadable, ValueError that names what is missing."""
    kind = KINDS[provider.kind]
    secrets, options = provider.credentials, dict(provider.options)
    wrong = problems(kind, secrets, options)
    if wrong:
        raise ValueError(f"{provider.name}: " + " ".join(f"{name}: {words}" for name, words in wrong.items()))
    url = options.pop("api_url", "") or kind.urls.get(options.get("region", ""), "")
    return EspAccount(
        kind=kind,
        name=provider.name,
        base_url=url if not url or url.endswith("/") else f"{url}/",
        recipients=min(provider.batch_size or DEFAULT_RECIPIENTS, kind.max_recipients),
        calls=provider.max_connections,
        timeouts=call_timeouts(settings.LEASE_SECONDS),
        api_key=secrets.get("api_key", ""),
        secret_key=secrets.get("secret_key", ""),
        **{name: str(value) for name, value in options.items() if value},
    )


def call_timeouts(lease_seconds: float) -> tuple[float, float]:
    """Connect and read time-outs in seconds. A message starts at most two thirds of the lease after its claim: what
    both take together must be less than the third that is left.
    """
    share = lease_seconds / 3
    return min(CONNECT_SECONDS, share / 4), min(READ_SECONDS, share * 2 / 3)
