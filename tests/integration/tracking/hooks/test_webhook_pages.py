"""Webhooks in the admin: made, shown once, tested, rotated, looked through, sent again."""

from __future__ import annotations

import re

import standardwebhooks
from django.test import Client
from django.urls import reverse

from tests.integration.tracking.hooks.conftest import MakeEndpoint, due_now
from tests.unit.delivery.outgoing.servers import Receiver
from tracking.hooks.deliver import deliver_due
from tracking.models import WebhookDelivery, WebhookEndpoint

AGREED = {"_form_submitted": "on"}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


def fields(receiver: Receiver, **changes: object) -> dict[str, object]:
    url = f"http://127.0.0.1:{receiver.port}/hook"
    kinds = ["email.opened", "campaign.sent"]
    return {"name": "Shop", "url": url, "kinds": kinds, "is_active": "on", "stream": "", "tags": "", **changes}


def act(client: Client, name: str, row: WebhookEndpoint | WebhookDelivery) -> str:
    model = row._meta.model_name
    address = reverse(f"admin:tracking_{model}_{name}", args=[row.pk])
    return client.post(address, AGREED, follow=True).text


def test_an_operator_makes_a_webhook_and_sees_its_secret_once(
    admin_client: Client, receiver: Receiver, db: None
) -> None:
    add = reverse("admin:tracking_webhookendpoint_add")
    page = admin_client.post(add, fields(receiver, tags="order, invoice"), follow=True).text
    (secret,) = set(SECRET.findall(page))
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.kinds, endpoint.tags) == (["email.opened", "campaign.sent"], ["order", "invoice"])
    change = reverse("admin:tracking_webhookendpoint_change", args=[endpoint.pk])
    assert secret not in admin_client.get(change).text
    log = act(admin_client, "send_test", endpoint)
    assert "webhook.test" in log
    assert deliver_due() == 1
    _, headers, body = receiver.seen[0]
    assert standardwebhooks.Webhook(secret).verify(body, headers)
    (new,) = set(SECRET.findall(act(admin_client, "new_secret", endpoint)))
    assert new != secret


def test_an_address_that_would_be_refused_is_refused_in_the_form(admin_client: Client, receiver: Receiver) -> None:
    add = reverse("admin:tracking_webhookendpoint_add")
    for url, words in (("http://10.0.0.1/", "private address"), ("ftp://x.example/", "must begin with https://")):
        assert words in admin_client.post(add, fields(receiver, url=url)).text
    assert "required" in admin_client.post(add, fields(receiver, kinds=[])).text
    assert not WebhookEndpoint.objects.exists()


def test_the_log_shows_what_was_said_and_sends_again(
    admin_client: Client, make_endpoint: MakeEndpoint, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint()
    receiver.status, receiver.answer = 400, b"<b>no such hook</b>"
    act(admin_client, "send_test", endpoint)
    deliver_due()
    WebhookDelivery.objects.update(state="failed", due_at=None)
    delivery = WebhookDelivery.objects.get()
    log = admin_client.get(reverse("admin:tracking_webhookdelivery_changelist") + f"?endpoint__id__exact={endpoint.pk}")
    assert "The answer was 400." in log.text
    page = admin_client.get(reverse("admin:tracking_webhookdelivery_change", args=[delivery.pk])).text
    assert "&lt;b&gt;no such hook&lt;/b&gt;" in page
    receiver.status = 200
    act(admin_client, "send_again", delivery)
    due_now()
    assert deliver_due() == 1
    assert "Failing" not in admin_client.get(reverse("admin:tracking_webhookendpoint_changelist")).text


def test_a_disabled_webhook_is_enabled_again(admin_client: Client, make_endpoint: MakeEndpoint) -> None:
    endpoint, _ = make_endpoint(disabled_at="2026-01-01T00:00Z", disabled_because="It answers 410: gone.")
    change = reverse("admin:tracking_webhookendpoint_change", args=[endpoint.pk])
    assert "It answers 410: gone." in admin_client.get(change).text
    act(admin_client, "enable_again", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None
    assert "Enable again" not in admin_client.get(change).text
