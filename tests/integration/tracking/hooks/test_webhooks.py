"""Outgoing webhooks: from the event to a receiver that verifies, whatever fails on the way."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import pytest
import redis
import standardwebhooks
from django.conf import settings as django_settings
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from campaigns.leads.erase import erase_lead
from campaigns.models import Campaign
from campaigns.services.states import cancel_campaign, pause_campaign
from delivery import outgoing
from delivery.messages.events import Change, tell
from delivery.models import Alert, Message
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, Sent, in_a_process
from tests.integration.tracking.hooks.conftest import MakeEndpoint, bodies, due_now, set_back
from tests.unit.delivery.outgoing.servers import Receiver
from tracking import stream
from tracking.consume import drain
from tracking.hooks import endpoints
from tracking.hooks.deliver import LEASE_SECONDS, deliver_due
from tracking.models import Event, WebhookDelivery, WebhookEndpoint
from tracking.occurrence import happened


def put(sent: Sent, kind: str = "open", n: int = 0, **about: object) -> None:
    stream.append(happened(kind, campaign_id=sent.campaign.pk, lead_id=sent.leads[n].pk, **about))


def test_an_event_arrives_signed_and_says_whom_it_is_about(
    sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    _, secret = make_endpoint()
    put(sent, "click", link_number=1, who_reason="browser")
    drain()
    assert deliver_due() == 1
    (path, headers, body) = receiver.seen[0]
    said = standardwebhooks.Webhook(secret).verify(body, headers)
    assert (path, said["type"]) == ("/hook", "email.clicked")
    event = Event.objects.get()
    assert headers["webhook-id"] == f"evt_{event.id.hex}"
    assert said["data"] == {
        "id": event.id.hex, "email": "ada0@example.com", "lead_id": sent.leads[0].pk,
        "campaign": {"id": sent.campaign.pk, "name": "Spring"}, "who": "human", "who_reason": "browser",
        "user_agent": "", "link": 1, "url": "https://shop.example/offer?a=1",
    }  # fmt: skip
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.status, delivery.answer, delivery.due_at) == ("delivered", 200, "ok", None)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(body + b" ", headers)


def test_each_gets_what_it_asked_for(make_sent: MakeSent, make_endpoint: MakeEndpoint) -> None:
    sent = make_sent(2)
    message_id = queue_message(
        to="eve@example.com", subject="Order", html="<p>x</p>", sender="shop@sender.example", tags=["order"]
    )
    Message.objects.filter(id=message_id).update(status="sent")
    make_endpoint("all")
    make_endpoint("opens", kinds=["email.opened"])
    make_endpoint("people", people_only=True)
    make_endpoint("orders", stream="transactional", tags=["order", "invoice"])
    make_endpoint("invoices", tags=["invoice"])
    make_endpoint("campaigns", stream="marketing")
    make_endpoint("off", is_active=False)
    put(sent)
    put(sent, n=1, who="machine")
    put(sent, "click", link_number=1, who="unsure")
    stream.append(happened("open", message_id=message_id))
    drain()
    found: dict[str, list[str]] = {}
    for name, kind in WebhookDelivery.objects.order_by("endpoint__name", "kind").values_list("endpoint__name", "kind"):
        found.setdefault(name, []).append(kind.removeprefix("email."))
    assert found == {
        "all": ["clicked", "opened", "opened", "opened"],
        "opens": ["opened", "opened", "opened"],
        "people": ["opened", "opened"],
        "orders": ["opened"],
        "campaigns": ["clicked", "opened", "opened"],
    }
    body = json.loads(WebhookDelivery.objects.get(endpoint__name="orders").body)
    assert (body["data"]["email"], body["data"]["tags"]) == ("eve@example.com", ["order"])


def test_with_nobody_listening_an_event_costs_one_question(
    sent: Sent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from tracking import hooks

    with django_assert_num_queries(1):
        hooks.enqueue([(happened("open", campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk), None)])


def test_an_event_that_is_rolled_back_is_told_to_nobody(sent: Sent, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    put(sent)
    with transaction.atomic():
        drain()
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_messages_and_campaigns_are_told_of(sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver) -> None:
    make_endpoint()
    now = sent.campaign.created_at
    change = Change(7, now, "transactional", "eve@example.com", ["order"], {"n": 1}, "dead", 3, 451, "4.7.1", "busy")
    with transaction.atomic():
        tell([change, change._replace(kind="accepted")])
    Campaign.objects.filter(pk=sent.campaign.pk).update(state="sending")
    pause_campaign(campaign_id=sent.campaign.pk)
    cancel_campaign(campaign_id=sent.campaign.pk)
    deliver_due()
    said = sorted(bodies(receiver), key=lambda one: str(one["type"]))
    assert [one["type"] for one in said] == ["campaign.cancelled", "campaign.paused", "message.dead"]
    assert said[1]["data"]["campaign"]["name"] == "Spring"
    data = said[2]["data"]
    assert (data["message_id"], data["email"], data["code"], data["detail"]) == (7, "eve@example.com", 451, "busy")
    assert data["metadata"] == {"n": 1}


def test_a_refused_post_is_made_again_later_with_the_same_id_and_body(
    sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint()
    put(sent)
    drain()
    receiver.status, receiver.answer = 503, b"try later\0"
    assert deliver_due(rng=random.Random(1)) == 0
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tried, delivery.status) == ("waiting", 1, 503)
    assert (delivery.answer, delivery.error) == ("try later", "The answer was 503.")
    endpoint.refresh_from_db()
    assert endpoint.failures == 1
    assert endpoint.failing_since is not None
    assert deliver_due() == 0
    assert len(receiver.seen) == 1, "not before its time"
    receiver.status = 204
    due_now()
    assert deliver_due() == 1
    first, second = receiver.seen
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since) == (0, None)


def test_after_a_day_it_is_given_up_and_a_person_may_send_it_again(
    sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint()
    put(sent)
    drain()
    receiver.status = 500
    set_back(23.999)
    deliver_due()
    assert WebhookDelivery.objects.get().state == "failed"
    receiver.status = 200
    assert deliver_due() == 0
    assert endpoints.resend_failed(endpoint.pk) == 1
    due_now()
    assert deliver_due() == 1
    assert receiver.seen[0][1]["webhook-id"] == receiver.seen[1][1]["webhook-id"]


def test_what_waits_for_a_held_endpoint_is_given_up_in_time(sent: Sent, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    put(sent)
    drain()
    set_back(25)
    endpoints.prune()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.due_at, delivery.error) == ("failed", None, "It could not be posted in time.")
    set_back(14 * 24)
    assert endpoints.prune() == 1


@pytest.mark.parametrize(("status", "hours"), [(500, 73), (410, 0)])
def test_an_endpoint_that_fails_for_long_is_disabled_and_operators_are_told(
    sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver, status: int, hours: int
) -> None:
    endpoint, _ = make_endpoint()
    put(sent)
    put(sent)
    drain()
    receiver.status = 500 if hours else status
    deliver_due()
    WebhookDelivery.objects.update(give_up_at=endpoint.created_at.replace(year=2040))
    set_back(hours)
    due_now()
    receiver.status = status
    deliver_due()
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    alert = Alert.objects.get()
    assert alert.key == f"webhook-disabled:{endpoint.pk}"
    assert "Shop" in alert.subject
    posts = len(receiver.seen)
    receiver.status = 200
    put(sent)
    drain()
    due_now()
    assert deliver_due() == 0
    assert len(receiver.seen) == posts
    assert endpoints.enable(endpoint.pk)
    due_now()
    assert deliver_due() >= 1


def test_a_dead_endpoint_keeps_nobody_waiting(make_sent: MakeSent, make_endpoint: MakeEndpoint) -> None:
    """The dead one hangs until the living one has got everything."""
    sent = make_sent(30)
    dead, _ = make_endpoint("dead", url="http://dead.example/")
    alive, _ = make_endpoint("alive", url="http://alive.example/")
    for n in range(30):
        put(sent, n=n)
    drain()
    arrived, everything = [], threading.Event()

    def post(url: str, _body: bytes, _secrets: object, *, message_id: str) -> outgoing.Delivery:
        if "dead" in url:
            assert everything.wait(20)
            return outgoing.Delivery(None, 5.0, "Nothing answers.")
        arrived.append(message_id)
        if len(set(arrived)) == 30:
            everything.set()
        return outgoing.Delivery(200, 0.01)

    assert deliver_due(post=post) == 30
    assert sorted(arrived) == sorted(set(arrived))
    tried = WebhookDelivery.objects.filter(endpoint=dead, tried__gt=0).count()
    assert 0 < tried <= 4
    due_now()
    everything.set()
    deliver_due(post=post)
    # it failed: one at a time now
    assert WebhookDelivery.objects.filter(endpoint=dead, tried__gt=0).count() <= tried + 1
    assert not WebhookDelivery.objects.filter(endpoint=alive, state="waiting").exists()


def test_no_webhook_leads_into_the_house(sent: Sent, make_endpoint: MakeEndpoint, settings: object) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = []  # type: ignore[attr-defined]
    make_endpoint(url="http://127.0.0.1/hook")
    put(sent)
    drain()
    deliver_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tried, delivery.status) == ("failed", 1, None)
    assert "private address" in delivery.error


def test_while_a_secret_rotates_both_verify(sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver) -> None:
    endpoint, old = make_endpoint()
    new = endpoints.rotate(endpoint)
    assert old not in endpoint.sealed_secrets
    endpoints.send_test(endpoint, "ada")
    deliver_due()
    _, headers, body = receiver.seen[0]
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert standardwebhooks.Webhook(secret).verify(body, headers)["type"] == "webhook.test"


def test_an_erased_leads_deliveries_go_too(sent: Sent, make_endpoint: MakeEndpoint) -> None:
    make_endpoint()
    put(sent)
    drain()
    assert "ada0@example.com" in WebhookDelivery.objects.get().body
    erase_lead(sent.leads[0].pk)
    assert not WebhookDelivery.objects.exists()


def wait_until_its_session_is_gone() -> None:
    """The lock of a killed run goes with its session, whose end PostgreSQL may see a moment later."""
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            if cursor.fetchone() == (0,):
                return
            assert time.monotonic() < until, "its session is still there"
            time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_after_a_post_is_followed_by_another(
    sent: Sent, make_endpoint: MakeEndpoint, receiver: Receiver, tmp_path: Path, redis_client: redis.Redis
) -> None:
    make_endpoint()
    put(sent)
    drain()
    code = (
        "import django; django.setup()\nfrom django.conf import settings\n"
        f"settings.WEBHOOK_PRIVATE_HOSTS = {django_settings.WEBHOOK_PRIVATE_HOSTS!r}\n"
        "from tracking.hooks.deliver import deliver_due\nprint(deliver_due())"
    )
    killed = in_a_process(code, f"webhook_after_post:{tmp_path / 'hit'}")
    assert killed.returncode == -9, killed.stderr
    wait_until_its_session_is_gone()
    assert deliver_due() == 0, "its lease holds"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tracking_webhookdelivery SET due_at = due_at - %s * interval '1 second'", [LEASE_SECONDS]
        )
    assert deliver_due() == 1
    assert [headers["webhook-id"] for _, headers, _ in receiver.seen] == [receiver.seen[0][1]["webhook-id"]] * 2
    assert WebhookDelivery.objects.get().tried == 2
    WebhookEndpoint.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_post_nothing_twice(
    make_sent: MakeSent, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    sent = make_sent(20)
    make_endpoint()
    for n in range(20):
        put(sent, n=n)
    drain()

    def run() -> None:
        deliver_due()
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver_due()
    ids = [headers["webhook-id"] for _, headers, _ in receiver.seen]
    assert len(ids) == len(set(ids)) == 20
