"""Guardrails and departures through the task that beat calls, the admin's pages and /metrics."""

from __future__ import annotations

import datetime as dt
from contextlib import closing

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.services.states import pause_campaign, resume_campaign
from delivery import tasks
from delivery.models import Alert, Batch, CampaignGuardrail, Departure, GuardrailPolicy
from tests.people import boss

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(db: None) -> Campaign:
    """A campaign under way: of 5,000 leads nobody was tried yet."""
    made = Campaign.objects.create(
        name="News", subject="s", from_email="a@b.example", body="", state="sending",
        launched_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2),
    )  # fmt: skip
    Batch.objects.create(campaign=made, seq=1, lead_ids=[1], size=5000)
    return made


def send(campaign: Campaign, **counts: int) -> Campaign:
    """What became of the e-mails up to now, all of it; then what beat does each second. soft_bounced: of bounced."""
    recorded = sum(count for name, count in counts.items() if name != "soft_bounced")
    Batch.objects.filter(campaign=campaign).update(cursor=recorded, recorded=recorded, **counts)
    tasks.refresh_counters()
    campaign.refresh_from_db()
    return campaign


def page(campaign: Campaign, client: Client | None = None) -> str:
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    return (client or boss()).get(address).content.decode()


def test_a_campaign_that_bounces_pauses_and_says_why(campaign: Campaign) -> None:
    assert send(campaign, sent=90, bounced=20).state == "sending"
    assert send(campaign, sent=95, bounced=30).state == "paused"
    assert "30 of the first 125 e-mails bounced for good (24.0 %; at most 5 % may)" in campaign.state_reason
    assert campaign.state_reason in page(campaign).replace("&#x27;", "'")
    alert = Alert.objects.get()
    assert alert.subject == "The campaign “News” paused itself"
    assert "4,875 of 5,000 leads are pending" in alert.text
    assert alert.link == reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def test_mailboxes_that_are_full_stop_nothing(campaign: Campaign) -> None:
    assert send(campaign, sent=10, bounced=400, soft_bounced=380).state == "sending"
    assert send(campaign, sent=10, bounced=410, soft_bounced=380).state == "paused"
    assert "30 of the first 420 e-mails bounced for good" in campaign.state_reason


@pytest.mark.django_db(transaction=True)
def test_a_campaign_whose_row_is_locked_holds_no_other_up(campaign: Campaign) -> None:
    """Its launch locks the row for as long as it takes to freeze ten million leads."""
    launching = Campaign.objects.create(
        name="Slow", subject="s", from_email="a@b.example", body="", state="launching", counted_at=None
    )
    Batch.objects.create(campaign=launching, seq=1, lead_ids=[1], size=10)
    counted = Campaign.objects.create(
        name="Counted", subject="s", from_email="a@b.example", body="", state="sending", counted_at=timezone.now()
    )
    Batch.objects.create(campaign=counted, seq=1, lead_ids=[1], size=5000, cursor=900, recorded=900, bounced=900)
    Campaign.objects.filter(pk=counted.pk).update(audience=5000, pending=4100, bounced=900)
    with closing(connection.copy()) as other, other.cursor() as launcher, connection.cursor() as cursor:
        launcher.execute("BEGIN")
        launcher.execute("SELECT 1 FROM campaigns_campaign WHERE id = ANY(%s) FOR UPDATE", [[launching.pk, counted.pk]])
        cursor.execute("SET lock_timeout = '1s'")
        assert send(campaign, sent=95, bounced=30).state == "paused"
        cursor.execute("RESET lock_timeout")
        launcher.execute("COMMIT")
    tasks.refresh_counters()
    assert Campaign.objects.get(pk=counted.pk).state == "paused"
    assert Campaign.objects.get(pk=launching.pk).audience == 10


def test_who_resumes_it_begins_a_new_count(campaign: Campaign) -> None:
    send(campaign, sent=95, bounced=30)
    # what was under way when it paused
    send(campaign, sent=95, bounced=60)
    resume_campaign(campaign_id=campaign.pk)
    assert send(campaign, sent=95, bounced=60).state == "sending"
    assert campaign.state_reason == ""
    assert send(campaign, sent=200, bounced=84).state == "sending"
    assert send(campaign, sent=200, bounced=90).state == "paused"
    assert Alert.objects.count() == 2, "the second pause is told too, within the repeat time"


def test_a_pause_of_a_person_forgives_nothing(campaign: Campaign) -> None:
    send(campaign, sent=90, bounced=20)
    pause_campaign(campaign_id=campaign.pk)
    resume_campaign(campaign_id=campaign.pk)
    assert send(campaign, sent=95, bounced=26).state == "paused"


def test_two_checks_at_once_pause_and_tell_once(campaign: Campaign) -> None:
    send(campaign, sent=95, bounced=30)
    tasks.refresh_counters()
    assert CampaignGuardrail.objects.get().tripped == 1
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("counts", [{"deferred": 460}, {"unknown": 260}])
def test_other_trouble_counts_too(campaign: Campaign, counts: dict[str, int]) -> None:
    assert send(campaign, sent=10, **counts).state == "paused"


def test_the_admin_changes_the_limits_for_all_and_for_one(campaign: Campaign) -> None:
    client = boss()
    policy = reverse("admin:delivery_guardrailpolicy_change", args=[1])
    assert client.get(reverse("admin:delivery_guardrailpolicy_changelist")).url == policy
    wanted = {
        "is_on": "on", "bounces": "40", "complaints": "0.3", "deferrals": "90", "unknowns": "50", "first": "100",
        "window": "1000", "least": "10", "slow_minutes": "60",
    }  # fmt: skip
    assert client.post(policy, wanted).status_code == 302
    assert GuardrailPolicy.objects.get().bounces == 40
    assert send(campaign, sent=70, bounced=30).state == "sending"
    dialog = reverse("delivery_campaign_guardrail", args=[campaign.pk])
    assert 'placeholder="40"' in client.get(dialog).content.decode()
    client.post(dialog, {"_form_submitted": "1", "is_on": "on", "bounces": "20"}, headers={"hx-request": "true"})
    assert send(campaign, sent=70, bounced=30).state == "paused"


def test_switched_off_nothing_pauses(campaign: Campaign) -> None:
    client = boss()
    dialog = reverse("delivery_campaign_guardrail", args=[campaign.pk])
    client.post(dialog, {"_form_submitted": "1", "bounces": ""}, headers={"hx-request": "true"})
    assert not CampaignGuardrail.objects.get().is_on
    assert send(campaign, sent=0, bounced=900).state == "sending"


def test_departures_are_written_when_they_happen_and_shown(campaign: Campaign, client: Client, redis_client) -> None:
    send(campaign, sent=2499)
    assert not Departure.objects.exists()
    send(campaign, sent=2500)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_departure SET half_at = now() - interval '1 minute'")
    send(campaign, sent=4996)
    departure = Departure.objects.get()
    assert departure.most_at is not None
    assert departure.all_at == departure.most_at
    assert (departure.most_at - departure.half_at).total_seconds() >= 60
    assert "<dt>99.9 %</dt><dd>2 min</dd>" in page(campaign)
    scraped = client.get("/metrics").content.decode()
    assert f'campaign_departure_seconds{{campaign="{campaign.pk}",percent="99"}} 1' in scraped


def test_operators_are_told_once_of_a_campaign_that_takes_too_long(campaign: Campaign) -> None:
    send(campaign, sent=1000)
    assert not Alert.objects.exists()
    Campaign.objects.update(launched_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=61))
    for _ in range(3):
        send(campaign, sent=4000)
    (alert,) = Alert.objects.all()
    assert alert.subject == "The campaign “News” takes longer than 60 minutes to leave"


def test_a_campaign_with_a_pace_of_its_own_is_not_late(campaign: Campaign) -> None:
    Campaign.objects.update(launched_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=9), max_per_hour=100)
    send(campaign, sent=800)
    assert not Alert.objects.exists()
