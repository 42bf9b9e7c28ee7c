"""Webhooks and timelines of leads over HTTP."""

from __future__ import annotations

import pytest

from tests.api_client import Program, places
from tests.people import a_lead, a_list
from tracking.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db
HOOK = {"name": "Shop", "url": "https://8.8.8.8/mail", "kinds": ["message.sent"]}


def test_a_webhook_is_made_with_a_secret_that_is_shown_once() -> None:
    program = Program()

    made = program.post("webhooks", HOOK).json()
    path = f"webhooks/{made['id']}"

    assert made["secret"].startswith("whsec_")
    assert "secret" not in program.get(path).json()
    assert program.post(f"{path}/secret").json()["secret"] != made["secret"]
    assert program.patch(path, {"is_active": False}).json()["is_active"] is False
    assert program.post("webhooks", HOOK).status_code == 409
    assert program.delete(path).status_code == 204
    assert not WebhookEndpoint.objects.exists()


def test_addresses_inside_the_house_and_unknown_events_are_refused() -> None:
    program = Program()

    assert set(places(program.post("webhooks", {**HOOK, "url": "http://127.0.0.1/admin/"}))) == {"#/url"}
    assert set(places(program.post("webhooks", {**HOOK, "kinds": ["email.eaten"]}))) == {"#/kinds"}


def test_deliveries_are_listed_and_sent_again() -> None:
    program = Program()
    path = f"webhooks/{program.post('webhooks', HOOK).json()['id']}"

    tried = program.post(f"{path}/test")
    again = f"{path}/deliveries/{tried.json()['id']}/resend"

    assert (tried.status_code, tried.json()["state"]) == (202, "waiting")
    assert program.post(again).status_code == 409
    WebhookDelivery.objects.update(state="failed", due_at=None)
    assert [one["id"] for one in program.get(f"{path}/deliveries?state=failed").json()["items"]] == [tried.json()["id"]]
    assert program.post(again).json()["state"] == "waiting"
    assert program.post(f"{path}/deliveries/987654321/resend").status_code == 404


def test_what_happened_to_a_lead_is_read() -> None:
    program = Program()
    lead = a_lead()
    a_list("News", lead)

    found = program.get(f"leads/{lead.pk}/timeline").json()

    assert {one["kind"] for one in found["moments"]} == {"list", "created"}
    assert found["next_before"] is None
    assert program.get("leads/987654/timeline").status_code == 404
