"""Channels to the ESPs of `bench.esp_server`: no database, no worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bench.esp_server import EspServer
from delivery.engine.outcome import Outcome
from delivery.esp.account import account_of
from delivery.esp.channel import EspChannel
from delivery.letters import Letter
from delivery.models import Provider


@pytest.fixture
def server() -> Iterator[EspServer]:
    with EspServer() as running:
        yield running


Deliver = Callable[..., list[Outcome]]


@pytest.fixture
def deliver(server: EspServer) -> Deliver:
    """A function that sends letters through a kind of ESP in one call of its channel."""

    def send(kind: str, letters: Sequence[Letter], url: str = "", **fields: Any) -> list[Outcome]:
        options: dict[str, Any] = {"mailgun": {"domain": "sender.example"}, "ses": {"region": "eu-central-1"}}
        provider = Provider(name=kind, kind=kind, max_connections=4, **fields)
        provider.options = {"api_url": url or server.url(kind), **options.get(kind, {})}
        both = {"api_key": server.api_key, "secret_key": server.secret_key}
        provider.credentials = both if kind in ("ses", "mailjet") else {"api_key": server.api_key}
        return asyncio.run(_send(provider, letters))

    return send


async def _send(provider: Provider, letters: Sequence[Letter]) -> list[Outcome]:
    channel = EspChannel(account_of(provider))
    try:
        return await channel.send(letters)
    finally:
        await channel.close()
