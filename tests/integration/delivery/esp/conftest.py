"""The house of tests/integration/delivery, with ESPs of our own instead of a relay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from bench.esp_server import EspServer
from campaigns.models import Campaign, Lead, ListMembership, MailingList
from delivery import runtime
from delivery.models import Provider
from delivery.providers import join_pools

ALL = ("ses", "sendgrid", "mailgun", "postmark", "brevo", "resend", "mailjet")
BODY = """<html><body><p>Dear {{ lead.first_name | default: "friend" }} of {{ lead.attributes.city }}</p>
{% if lead.attributes.vip %}<b>Thank you, {{ lead.first_name }}!</b>{% endif %}
<p><a href="https://shop.example/offer">An offer</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""

MakeProvider = Callable[..., Provider]
MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def server() -> Iterator[EspServer]:
    with EspServer() as running:
        yield running


@pytest.fixture
def worker(redis_client: object, transactional_db: None) -> Iterator[runtime.Runtime]:
    """The runtime of a worker child, hung up after the test."""
    with connection.cursor() as cursor:
        # the flush between tests does not know the tables that Django does not manage
        cursor.execute("TRUNCATE delivery_email, delivery_message")
    yield runtime.get()
    runtime.shut_down()


def esp_provider(server: EspServer, kind: str, **fields: Any) -> Provider:
    """A provider of a kind that is the server, not saved."""
    options = {"mailgun": {"domain": "sender.example"}, "ses": {"region": "eu-central-1"}}.get(kind, {})
    options = {"api_url": server.url(kind), **options, **fields.pop("options", {})}
    provider = Provider(**{"name": kind, "kind": kind, "options": options, "max_connections": 4, **fields})
    secrets = {"api_key": server.api_key}
    provider.credentials = {**secrets, "secret_key": server.secret_key} if kind in ("ses", "mailjet") else secrets
    return provider


@pytest.fixture
def make_provider(worker: runtime.Runtime, server: EspServer) -> MakeProvider:
    """A function that makes an active provider of a kind in the default pools."""

    def make(kind: str, **fields: Any) -> Provider:
        provider = esp_provider(server, kind, **fields)
        provider.save()
        join_pools(provider)
        return provider

    return make


@pytest.fixture
def make_campaign(make_provider: MakeProvider) -> MakeCampaign:
    """A function that makes leads, a list and a launching campaign that leaves by an ESP of a kind."""

    def make(kind: str, leads: int = 30, body: str = BODY, **fields: Any) -> Campaign:
        make_provider(kind, **fields)
        mailing_list = MailingList.objects.create(name="Readers")
        made = Lead.objects.bulk_create(
            Lead(
                email=f"lead{n}@example.com",
                first_name=f"Ada{n} <&> O'Neil",
                attributes={"city": "Zürich", **({"vip": True} if n % 2 else {})},
            )
            for n in range(leads)
        )
        ListMembership.objects.bulk_create(ListMembership(mailing_list=mailing_list, lead=lead) for lead in made)
        return Campaign.objects.create(
            name="News",
            subject="News for {{ lead.first_name }}",
            from_email="news@sender.example",
            from_name="The News",
            reply_to="answers@sender.example",
            body=body,
            body_format="html",
            mailing_list=mailing_list,
            state=Campaign.State.LAUNCHING,
        )

    return make
