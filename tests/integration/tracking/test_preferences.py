"""The page of preferences: what is chosen there holds for the next campaign, and looking at it changes nothing."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.models import Consent, Lead, ListMembership, MailingList, Topic
from delivery.models import LeadTouch
from delivery.tokens import signer
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, PostgresAway, Sent

NETWORK = "203.0.113.0/24"


@pytest.fixture
def client() -> Client:
    """A reader without cookies, from outside; CSRF is checked as in production."""
    return Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")


def address(sent: Sent, n: int = 0) -> str:
    return f"/u/{sent.tokens(n).unsubscribe}/preferences"


def test_the_page_shows_public_lists_topics_and_how_it_stands(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    MailingList.objects.update(is_public=True, title="Our garden")
    MailingList.objects.create(name="Staff only")
    Topic.objects.create(name="Offers", description="Once in a while")
    page = client.get(address(sent))
    assert page.status_code == 200
    assert not page.cookies
    assert "Our garden" in page.text
    assert "Offers" in page.text
    assert "Staff only" not in page.text
    assert "a•••@example.com" in page.text
    assert "ada0@example.com" not in page.text
    assert address(sent) in client.get(address(sent).removesuffix("/preferences")).text


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(client: Client, sent: Sent, method: str) -> None:
    before = Lead.objects.values().get()
    assert getattr(client, method)(address(sent), {"frequency": "7", "paused_until": "2099-01-01"}).status_code == 200
    assert Lead.objects.values().get() == before


def test_choices_are_kept_before_the_answer(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    left = MailingList.objects.get()
    joined = MailingList.objects.create(name="Recipes", is_public=True)
    MailingList.objects.update(is_public=True)
    offers, events = (Topic.objects.create(name=name) for name in ("Offers", "Events"))
    last_day = timezone.now().date() + dt.timedelta(days=30)
    answer = client.post(
        address(sent),
        {
            "shown_list": [left.pk, joined.pk], "list": [joined.pk], "shown_topic": [offers.pk, events.pk],
            "topic": [events.pk], "frequency": "7", "paused_until": last_day.isoformat(),
        },
    )  # fmt: skip
    assert "Your choices are kept" in answer.text
    lead = Lead.objects.get()
    assert (lead.declined_topics, lead.frequency_days) == ([offers.pk], 7)
    assert lead.paused_until == dt.datetime.combine(last_day, dt.time(23, 59, 59), tzinfo=dt.UTC)
    standing = dict(ListMembership.objects.values_list("mailing_list_id", "status"))
    assert standing == {left.pk: "unsubscribed", joined.pk: "subscribed"}
    # what this campaign was counts towards "one a week" at once
    assert LeadTouch.objects.get(lead_id=lead.pk).campaign_ids == [sent.campaign.pk]
    consent = Consent.objects.get()
    assert (consent.source, consent.list_ids, consent.network) == ("preferences", [joined.pk], NETWORK)
    assert 'value="7" checked' in client.get(address(sent)).text
    client.post(address(sent), {"shown_topic": [offers.pk], "topic": [offers.pk], "frequency": "0"})
    lead.refresh_from_db()
    assert (lead.declined_topics, lead.frequency_days, lead.paused_until) == ([], 0, None)


def test_lists_that_are_not_public_or_were_not_shown_stay_as_they_are(client: Client, make_sent: MakeSent) -> None:
    sent = make_sent(to_list=True)
    hidden = MailingList.objects.get()
    other = MailingList.objects.create(name="Staff only")
    client.post(address(sent), {"shown_list": [hidden.pk, other.pk], "list": [other.pk], "frequency": "0"})
    assert ListMembership.objects.get().status == "subscribed"
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frequency", "3"), ("frequency", "x"), ("paused_until", "31.12.2030"), ("paused_until", "2020-01-01"),
        ("paused_until", "2999-01-01"), ("paused_until", "2030-13-45"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_and_nothing_is_changed(client: Client, sent: Sent, field: str, value: str) -> None:
    before = Lead.objects.values().get()
    answer = client.post(address(sent), {"frequency": "7", field: value})
    assert answer.status_code == 400
    assert "Nothing has been changed" in answer.text
    assert Lead.objects.values().get() == before


def test_links_that_were_cut_and_people_who_are_gone(client: Client, sent: Sent) -> None:
    url = address(sent)
    assert client.get(url.replace("/preferences", "x/preferences")).status_code == 404
    Lead.objects.all().delete()
    assert "nothing to choose" in client.get(url).text
    assert client.post(url, {"frequency": "7"}).status_code == 200


@pytest.mark.django_db
def test_a_transactional_message_leads_to_the_choices_of_its_address(client: Client, redis_client: object) -> None:
    Lead.objects.create(email="ada@example.com")
    message_id = queue_message(to="ada@example.com", subject="Order", html="<p>x</p>", sender="shop@sender.example")
    url = f"/u/{signer().sign('unsubscribe', 'message', message_id, 0)}/preferences"
    client.post(url, {"frequency": "30"})
    assert Lead.objects.get().frequency_days == 30


@pytest.mark.django_db(transaction=True)
def test_without_postgresql_the_reader_is_asked_to_come_again(client: Client, sent: Sent) -> None:
    url = address(sent)
    with PostgresAway():
        assert client.post(url, {"frequency": "7"}).status_code == 503
    assert Lead.objects.get().frequency_days == 0
