"""A small house for sending: leads, a list, a campaign, a provider that is the sink, all in the real engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from bench.sink import Options, Sink
from campaigns.models import Campaign, Lead, ListMembership, MailingList
from delivery import runtime
from delivery.providers import add_provider

BODY = """<html><body><p>Dear {{ lead.first_name | default: "friend" }} of {{ lead.attributes.city }}</p>
<p><a href="https://shop.example/offer">An offer</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""

MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(Options(keep_content=True)) as running:
        yield running


@pytest.fixture
def worker(redis_client: object, transactional_db: None) -> Iterator[runtime.Runtime]:
    """The runtime of a worker child, hung up after the test."""
    with connection.cursor() as cursor:
        # the flush between tests does not know the tables that Django does not manage
        cursor.execute("TRUNCATE delivery_email, delivery_message")
    yield runtime.get()
    runtime.shut_down()


@pytest.fixture
def make_campaign(worker: runtime.Runtime, sink: Sink) -> MakeCampaign:
    """A function that makes leads, a list and a scheduled campaign that leaves by the sink."""

    def make(leads: int = 30, **fields: object) -> Campaign:
        add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
        mailing_list = MailingList.objects.create(name="Readers")
        made = Lead.objects.bulk_create(
            Lead(email=f"lead{n}@example.com", first_name=f"Ada{n}", attributes={"city": "Zürich"})
            for n in range(leads)
        )
        ListMembership.objects.bulk_create(ListMembership(mailing_list=mailing_list, lead=lead) for lead in made)
        return Campaign.objects.create(
            name="News",
            subject="News for {{ lead.first_name }}",
            from_email="news@sender.example",
            from_name="The News",
            body=BODY,
            body_format="html",
            mailing_list=mailing_list,
            state=Campaign.State.LAUNCHING,
            **fields,
        )

    return make
