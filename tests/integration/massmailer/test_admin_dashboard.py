"""The first page of the admin."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from delivery.models import Provider
from tests.people import a_campaign, a_lead, boss, somebody

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def text(client: Any) -> str:
    return client.get(HOME).content.decode()


def launched(name: str, hours_ago: int, **numbers: Any) -> Campaign:
    campaign = a_campaign(state="sent", name=name)
    at = timezone.now() - dt.timedelta(hours=hours_ago)
    Campaign.objects.filter(pk=campaign.pk).update(launched_at=at, **numbers)
    return campaign


def test_an_empty_house_shows_the_first_steps() -> None:
    page = text(boss())

    assert "First steps" in page
    assert reverse("admin:delivery_provider_add") in page
    assert "No active provider: no mail can leave." in page


def test_steps_of_somebody_else_have_no_link() -> None:
    page = text(somebody("Marketers"))

    assert "(an operator does this)" in page
    assert reverse("admin:delivery_provider_add") not in page


def test_running_campaigns_are_shown_and_asked_for_again() -> None:
    campaign = a_campaign(state="sending", name="Under way")
    Campaign.objects.filter(pk=campaign.pk).update(audience=1000, pending=250)

    page = text(boss())

    assert "Under way" in page
    assert "750 of 1,000, 75.0 %" in page
    assert 'hx-trigger="every 2s"' in page


def test_the_polling_stops_when_nothing_runs() -> None:
    client = boss()
    campaign = a_campaign(state="sending")
    assert client.get(reverse("running_campaigns")).status_code == 200

    Campaign.objects.filter(pk=campaign.pk).update(state="sent")

    end = client.get(reverse("running_campaigns"))
    assert end.status_code == 286
    assert "hx-trigger" not in end.content.decode()


def test_a_campaign_of_next_week_is_not_asked_for_every_two_seconds() -> None:
    campaign = a_campaign(state="scheduled", name="Next week")
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=timezone.now() + dt.timedelta(days=7))

    page = text(boss())

    assert "Next week" in page
    assert "every 2s" not in page


def test_sent_mail_of_the_last_day_comes_from_the_campaigns_counters() -> None:
    launched("Today", 2, sent=1234, audience=1300)
    launched("Last week", 24 * 7, sent=99_999, audience=99_999)

    with CaptureQueriesContext(connection) as queries:
        page = text(boss())

    assert ">1,234</p>" in page
    assert not any("delivery_email" in query["sql"] for query in queries)


def test_new_leads_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("massmailer.dashboard.COUNTED_LEADS", 2)
    for number in range(4):
        a_lead(f"lead{number}@example.com")

    assert "2+" in text(boss())


def test_what_waits_for_a_person_is_said() -> None:
    launched("Winter", 2, dead=3, unknown=7)
    failed = a_campaign(name="Failed")
    Campaign.objects.filter(pk=failed.pk).update(state_reason="The segment is gone.")

    page = text(boss())

    assert "“Winter”: 3 dead letters and 7 unknown e-mails wait" in page
    assert "“Failed” could not be launched: The segment is gone." in page


def test_a_missing_bounce_domain_is_told_to_operators_only(settings: Any) -> None:
    settings.BOUNCE_DOMAIN = ""
    assert "BOUNCE_DOMAIN is not set" in text(somebody("Operators"))
    assert "BOUNCE_DOMAIN" not in text(somebody("Marketers"))

    settings.BOUNCE_DOMAIN = "bounces.example.com"
    assert "BOUNCE_DOMAIN" not in text(somebody("Operators"))


def test_a_paused_provider_is_no_provider() -> None:
    provider = Provider.objects.create(name="Relay", host="smtp.example.com")
    assert "No active provider" not in text(boss())

    Provider.objects.filter(pk=provider.pk).update(state="paused")
    assert "No active provider" in text(boss())


def test_somebody_without_any_permission_is_welcomed_and_sees_no_numbers() -> None:
    Provider.objects.create(name="Relay", host="smtp.example.com")
    launched("Secret", 2, sent=1234)

    page = text(somebody())

    assert "ask an administrator" in page
    assert "Secret" not in page
    assert "1,234" not in page


def test_the_bodies_of_campaigns_are_not_read_for_the_dashboard() -> None:
    launched("Big", 2, sent=1)

    with CaptureQueriesContext(connection) as queries:
        text(boss())

    assert not any('"campaigns_campaign"."body"' in query["sql"] for query in queries)
