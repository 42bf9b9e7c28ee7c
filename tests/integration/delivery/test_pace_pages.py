"""What operators set about limits, what preflight says about them, and what a waiting campaign's page tells."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from campaigns.models import Campaign, Lead
from campaigns.services.preflight import preflight
from delivery.models import Batch, SenderLimit, SendingPolicy
from tests.people import a_campaign, a_list, boss, somebody

pytestmark = pytest.mark.django_db
LIST = "admin:delivery_sendingpolicy_changelist"
NINE, FIVE = dt.time(9), dt.time(17)
HOUR = dt.timedelta(hours=1)
POLICY = {"frequency_cap": "3", "frequency_days": "7", "soft_bounce_limit": "5", "soft_bounce_days": "14"}


def page_of(campaign: Campaign) -> str:
    response = boss().get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    return response.content.decode()


def warnings(campaign: Campaign, code: str) -> list[str]:
    return [problem.message for problem in preflight(campaign) if problem.code == code and not problem.is_error]


# --- the policy and the limits of people
def test_the_policy_opens_directly_and_is_saved() -> None:
    client = somebody("Operators")
    page = client.get(reverse(LIST), follow=True)
    assert "counts from the moment at which it is turned on" in page.content.decode()
    address = page.redirect_chain[-1][0]

    response = client.post(address, POLICY, follow=True)

    assert response.redirect_chain[-1][0] == address
    policy = SendingPolicy.objects.get()
    assert (policy.frequency_cap, policy.frequency_days) == (3, 7)


@pytest.mark.parametrize(("cap", "days"), [("101", "7"), ("-1", "7"), ("3", "0"), ("3", "91"), ("", "7")])
def test_a_cap_that_makes_no_sense_is_refused(cap: str, days: str) -> None:
    client = boss()
    address = client.get(reverse(LIST)).url

    response = client.post(address, {**POLICY, "frequency_cap": cap, "frequency_days": days})

    assert set(response.context["adminform"].form.errors) <= {"frequency_cap", "frequency_days"}
    assert response.context["adminform"].form.errors
    assert SendingPolicy.objects.get().frequency_cap == 0


def test_marketers_do_not_reach_the_policy() -> None:
    client = somebody("Marketers")
    assert client.get(reverse(LIST)).status_code == 403
    assert not SendingPolicy.objects.exists()
    assert "Sending policy" not in client.get(reverse("admin:index")).content.decode()


def test_the_limit_of_a_person_is_set_on_their_page() -> None:
    ann = User.objects.create_user("ann")
    address = reverse("admin:auth_user_change", args=[ann.pk])
    typed: dict[str, Any] = {
        "username": "ann", "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00", "is_active": "on",
        "sender_limit-TOTAL_FORMS": "1", "sender_limit-INITIAL_FORMS": "0", "sender_limit-MIN_NUM_FORMS": "0",
        "sender_limit-MAX_NUM_FORMS": "1", "sender_limit-0-user": str(ann.pk), "sender_limit-0-per_hour": "100",
        "sender_limit-0-per_day": "",
    }  # fmt: skip

    assert boss().post(address, typed).status_code == 302

    limit = SenderLimit.objects.get()
    assert (limit.user, limit.per_hour, limit.per_day) == (ann, 100, None)


# --- preflight
def an_audience(count: int) -> Any:
    leads = [Lead(email=f"lead{number}@example.com") for number in range(count)]
    return a_list("Readers", *Lead.objects.bulk_create(leads))


def test_a_campaign_that_takes_days_is_warned_about() -> None:
    readers = an_audience(100)
    slow = a_campaign(mailing_list=readers, max_per_hour=2)
    assert warnings(slow, "slow-pace") == [
        "at this pace and in these hours it takes about 2 days to reach 100 leads"
    ]  # fmt: skip
    office = a_campaign(mailing_list=readers, max_per_hour=10, send_from=NINE, send_until=FIVE, send_weekdays=[1, 2])
    # ten hours of sending at sixteen open hours a week
    assert "4 days" in warnings(office, "slow-pace")[0]
    assert warnings(a_campaign(mailing_list=readers, max_per_hour=10), "slow-pace") == []
    assert warnings(a_campaign(mailing_list=readers), "slow-pace") == []


def test_the_limit_of_its_author_counts_too() -> None:
    ann = User.objects.create(username="ann")
    SenderLimit.objects.create(user=ann, per_day=20)
    campaign = a_campaign(mailing_list=an_audience(100), created_by=ann, max_per_hour=1000)
    assert "5 days" in warnings(campaign, "slow-pace")[0]


def test_local_time_without_hours_is_pointed_out() -> None:
    assert "begins for everybody at once" in warnings(a_campaign(by_local_time=True), "no-hours")[0]
    assert warnings(a_campaign(by_local_time=True, send_from=NINE), "no-hours") == []


def test_hours_that_never_open_refuse_the_launch() -> None:
    campaign = a_campaign(send_from=NINE, send_until=NINE, max_per_hour=1)
    assert [problem.code for problem in preflight(campaign) if problem.is_error] == ["closed-hours"]


def test_a_cap_that_would_skip_many_is_warned_about() -> None:
    campaign = a_campaign(mailing_list=an_audience(10))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_leadtouch SELECT id, ARRAY[900, 901]::bigint[], "
            "ARRAY[now(), now() - interval '8 day'] FROM campaigns_lead ORDER BY id LIMIT 4"
        )
    assert warnings(campaign, "frequency-cap") == []
    SendingPolicy.objects.create(frequency_cap=2, frequency_days=7)
    assert warnings(campaign, "frequency-cap") == []
    SendingPolicy.objects.update(frequency_cap=1)
    assert warnings(campaign, "frequency-cap") == [
        "about 40 % of the audience would be skipped now by the frequency cap: 1 in 7 days"
    ]
    campaign.ignores_frequency_cap = True
    campaign.save()
    assert warnings(campaign, "frequency-cap") == []


# --- the page of a campaign that waits
def waiting(campaign: Campaign, **zones: int) -> None:
    for seq, (zone, size) in enumerate(zones.items(), start=1):
        leads = list(range(1, size + 1))
        Batch.objects.create(campaign=campaign, seq=seq, lead_ids=leads, size=size, time_zone=zone.replace("__", "/"))


def closed_until(hours: int) -> dict[str, dt.time]:
    now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    return {"send_from": (now + hours * HOUR).time(), "send_until": (now + (hours + 1) * HOUR).time()}


def test_the_page_says_when_the_next_window_opens() -> None:
    hours = closed_until(5)
    campaign = a_campaign(state="sending", **hours)
    waiting(campaign, **{"": 3})

    assert f"{hours['send_from']:%H:%M}</strong> (UTC): 3 leads wait." in page_of(campaign)


def test_the_page_says_it_zone_by_zone_in_the_time_of_the_zone() -> None:
    hours = closed_until(5)
    campaign = a_campaign(state="paused", by_local_time=True, **hours)
    waiting(campaign, Asia__Tokyo=1, America__Phoenix=20)

    page = page_of(campaign)
    # in Tokyo this time of day was four hours ago, in Phoenix it comes in twelve
    tokyo = page.index(f"{hours['send_from']:%H:%M}</strong> (Asia/Tokyo): 1 lead waits.")
    assert page.index(f"{hours['send_from']:%H:%M}</strong> (America/Phoenix): 20 leads wait.") < tokyo


def test_open_hours_are_told_with_their_end() -> None:
    hours = closed_until(0)
    campaign = a_campaign(state="sending", **hours)
    waiting(campaign, **{"": 3})

    page = page_of(campaign)
    assert f"{hours['send_until']:%H:%M}</strong> (UTC): 3 leads wait." in page
    assert "next window" not in page


def test_the_box_is_asked_for_again_and_ends_when_nobody_waits() -> None:
    campaign = a_campaign(state="sending", **closed_until(5))
    waiting(campaign, **{"": 3})
    address = reverse("delivery_hours", args=[campaign.pk])
    assert address in page_of(campaign)
    viewer = somebody("Viewers")
    assert "3 leads wait" in viewer.get(address).content.decode()
    assert somebody().get(address).status_code == 403

    Batch.objects.update(cursor=3, state="done")

    response = viewer.get(address)
    assert (response.status_code, response.content) == (286, b"")


def test_a_campaign_without_hours_has_no_such_box() -> None:
    campaign = a_campaign(state="sending")
    waiting(campaign, **{"": 3})

    assert "Sending hours" not in page_of(campaign)
