"""Campaigns for the real workers: leads, a list, a provider that is a sink in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from bench.sink import Sink
from campaigns.models import Campaign, Lead, ListMembership, MailingList
from delivery.numbers import Numbers, campaign_numbers, recount
from delivery.providers import add_provider

BODY = """<html><body><p>Dear {{ lead.first_name }}</p><p><a href="https://shop.example/offer">An offer</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(process=True) as running:
        yield running


@pytest.fixture
def scheduled(stack: object, transactional_db: None, sink: Sink) -> Callable[..., Campaign]:
    """A function that makes leads and a campaign to them that the running stack will launch."""

    def make(leads: int, **fields: object) -> Campaign:
        add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
        with connection.cursor() as cursor:
            # what a file import would write; the import has its own tests
            cursor.execute(
                "INSERT INTO campaigns_lead (email, mailbox_group, first_name) "
                "SELECT 'lead' || n || '@example.com', 'other', 'Ada' || n FROM generate_series(1, %s) AS n",
                [leads],
            )
        mailing_list = MailingList.objects.create(name="Readers")
        ListMembership.objects.bulk_create(
            [ListMembership(mailing_list=mailing_list, lead=lead) for lead in Lead.objects.only("pk")], batch_size=5000
        )
        return Campaign.objects.create(
            name="News",
            subject="News for {{ lead.first_name }}",
            from_email="news@sender.example",
            body=BODY,
            body_format="html",
            mailing_list=mailing_list,
            **fields,
        )

    return make


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Until the condition holds; fails the test, saying what was awaited, after so many seconds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def checked(campaign: Campaign) -> Numbers:
    """The numbers, which must add up at every instant."""
    numbers = campaign_numbers(campaign.pk)
    assert numbers.adds_up, numbers
    assert min(value for value in numbers.as_dict().values() if isinstance(value, int)) >= 0, numbers
    return numbers


def wait_until_over(campaign: Campaign, seconds: float = 60) -> Numbers:
    """Poll until the first pass is over, checking the identity each time; then recount it from the ledger."""
    wait_for(lambda: (n := checked(campaign)).pending == 0 and n.audience > 0, seconds, "the first pass is over")
    summed, counted = checked(campaign).as_dict(), recount(campaign.pk).as_dict()
    # the state may move between the two looks
    assert summed | {"state": ""} == counted | {"state": ""}
    return checked(campaign)
