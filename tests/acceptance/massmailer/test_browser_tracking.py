"""Rules of opens and clicks, and webhooks, in a real browser."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse
from playwright.sync_api import expect

from delivery import outgoing
from tests.acceptance.massmailer.test_browser_admin import Open, browser, press, pytestmark, save, visit  # noqa: F401
from tracking.hooks import endpoints
from tracking.hooks.deliver import deliver_due
from tracking.models import Reclassification, VisitorRule, WebhookDelivery, WebhookEndpoint

PLACES = ("admin:tracking_visitorrule_changelist", "admin:tracking_webhookendpoint_changelist")


def test_a_rule_is_added_and_applied_to_what_is_stored(visit: Open) -> None:  # noqa: F811
    page = visit().open(reverse("admin:tracking_visitorrule_add"))
    page.locator("#id_name").fill("our-scanner")
    page.locator("#id_who").select_option("machine")
    page.locator("#id_reason").fill("our scanner")
    page.locator("#id_agent").select_option("contains")
    page.locator("#id_phrases").fill("OurScanner*v2")
    save(page)
    expect(page.get_by_text("our-scanner").first).to_be_visible()
    assert VisitorRule.objects.get(name="our-scanner").phrases == "ourscanner*v2"
    press(page, "Apply to stored events")
    page.get_by_role("button", name="Begin").click()
    expect(page).to_have_url(re.compile("/reclassification/"))
    expect(page.get_by_text("all campaigns")).to_be_visible()
    assert Reclassification.objects.get().by.startswith("boss")


def test_a_webhook_is_made_tested_and_its_log_read(visit: Open, settings: Any) -> None:  # noqa: F811
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    page = visit().open(reverse("admin:tracking_webhookendpoint_add"))
    page.locator("#id_name").fill("Shop")
    page.locator("#id_url").fill("http://127.0.0.1/hook")
    page.get_by_label("email.bounced", exact=False).check()
    save(page)
    expect(page.get_by_text("whsec_")).to_be_visible()
    press(page, "Send a test")
    page.get_by_role("button", name="Post").click()
    expect(page.get_by_text("webhook.test").first).to_be_visible()
    assert deliver_due(post=lambda *_, **__: outgoing.Delivery(500, 0.1, "The answer was 500.", "<b>no</b>")) == 0
    page.reload()
    expect(page.get_by_text("<b>no</b>")).to_be_visible()
    expect(page.get_by_text("The answer was 500.")).to_be_visible()


def test_the_pages_fit_a_narrow_screen(visit: Open) -> None:  # noqa: F811
    endpoint = WebhookEndpoint(
        name="Shop", url=f"https://hooks.example.com/{'very-long-' * 12}", kinds=["email.opened"]
    )
    endpoints.create(endpoint)
    delivery = endpoints.send_test(endpoint, "boss")
    WebhookDelivery.objects.filter(pk=delivery.pk).update(error="Nothing answers at hooks.example.com.", state="failed")
    rule = VisitorRule.objects.get(name="scanners")
    places = [
        *map(reverse, PLACES),
        reverse("admin:tracking_webhookdelivery_changelist"),
        reverse("admin:tracking_webhookendpoint_change", args=[endpoint.pk]),
        reverse("admin:tracking_webhookdelivery_change", args=[delivery.pk]),
        reverse("admin:tracking_visitorrule_change", args=[rule.pk]),
    ]
    page = visit(width=375)
    for place in places:
        page.open(place)
        assert not page.is_too_wide(), place
