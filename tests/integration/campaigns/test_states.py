"""The verbs of a campaign's state, each a compare-and-set."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Campaign, Segment
from campaigns.services import preflight as preflight_module
from campaigns.services.campaigns import CampaignInvalid
from campaigns.services.states import (
    StateConflict,
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    schedule_campaign,
    unschedule_campaign,
)

VERBS: dict[str, Callable[..., None]] = {
    "schedule": schedule_campaign,
    "unschedule": unschedule_campaign,
    "pause": pause_campaign,
    "resume": resume_campaign,
    "cancel": cancel_campaign,
}
ALLOWED = {
    ("draft", "schedule"): "scheduled", ("draft", "cancel"): "cancelled",
    ("scheduled", "unschedule"): "draft", ("scheduled", "cancel"): "cancelled",
    ("launching", "cancel"): "cancelled",
    ("sending", "pause"): "paused", ("sending", "cancel"): "cancelled",
    ("paused", "resume"): "sending", ("paused", "cancel"): "cancelled",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_checks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_module, "_checks", [])


def make(state: str = "draft", **fields: object) -> Campaign:
    segment, _ = Segment.objects.get_or_create(name="All", defaults={"condition": {}})
    body = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'
    given = {"name": "Spring", "subject": "x", "from_email": "a@example.com", "body": body, "body_format": "html"}
    return Campaign.objects.create(**{**given, "segment": segment, "state": state, **fields})


@pytest.mark.django_db
@pytest.mark.parametrize("state", Campaign.State.values)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_works_from_its_states_only(state: str, verb: str) -> None:
    campaign = make(state)
    if (state, verb) in ALLOWED:
        VERBS[verb](campaign_id=campaign.pk, by="Anna")
    else:
        with pytest.raises(StateConflict, match=f"The campaign “Spring” is {state}; it cannot be .*It can"):
            VERBS[verb](campaign_id=campaign.pk)
    campaign.refresh_from_db()
    assert campaign.state == ALLOWED.get((state, verb), state)


@pytest.mark.django_db
@pytest.mark.parametrize("verb", VERBS)
def test_a_campaign_that_does_not_exist_is_said(verb: str) -> None:
    with pytest.raises(Campaign.DoesNotExist):
        VERBS[verb](campaign_id=999_999)


@pytest.mark.django_db
def test_scheduling_sets_the_time_and_forgets_the_last_failure() -> None:
    campaign = make(state_reason="the launch failed")
    schedule_campaign(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute("SELECT scheduled_at <= clock_timestamp() FROM campaigns_campaign WHERE id = %s", [campaign.pk])
        assert cursor.fetchone() == (True,)
    assert campaign.state_reason == ""
    unschedule_campaign(campaign_id=campaign.pk)
    at = timezone.now() + dt.timedelta(days=1)
    schedule_campaign(campaign_id=campaign.pk, at=at)
    campaign.refresh_from_db()
    assert campaign.scheduled_at == at


@pytest.mark.django_db
def test_a_campaign_with_errors_is_not_scheduled() -> None:
    campaign = make(body="no link", from_email="")
    with pytest.raises(CampaignInvalid) as caught:
        schedule_campaign(campaign_id=campaign.pk)
    assert {problem.code for problem in caught.value.problems} == {"missing-unsubscribe", "from-address"}
    campaign.refresh_from_db()
    assert campaign.state == "draft"


@pytest.mark.django_db
def test_a_time_that_has_passed_is_refused() -> None:
    with pytest.raises(CampaignInvalid, match="2020-01-01 00:00 UTC has passed: choose a later time, or send it now"):
        schedule_campaign(campaign_id=make().pk, at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(ValueError, match="needs a time zone"):
        schedule_campaign(campaign_id=make().pk, at=dt.datetime(2099, 1, 1))


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "is_over"), [("draft", True), ("launching", True), ("sending", False)])
def test_cancelling_ends_at_once_only_what_has_no_batches(state: str, is_over: bool) -> None:
    campaign = make(state)
    cancel_campaign(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    assert (campaign.finished_at is not None) is is_over
    assert campaign.audience == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_people_one_schedules() -> None:
    campaign = make()
    outcomes: list[str] = []
    barrier = threading.Barrier(4, timeout=10)

    def schedule() -> None:
        try:
            barrier.wait()
            schedule_campaign(campaign_id=campaign.pk)
            outcomes.append("scheduled")
        except StateConflict:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=schedule) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(outcomes) == ["refused", "refused", "refused", "scheduled"]


def wait_for_a_blocked_statement() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone() == (True,):
                return
    raise AssertionError("nothing waited for the launch")


@pytest.mark.django_db(transaction=True)
def test_a_cancel_during_the_launch_waits_and_wins() -> None:
    campaign = make("launching")

    def cancel() -> None:
        try:
            cancel_campaign(campaign_id=campaign.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel)
    with transaction.atomic():
        Campaign.objects.select_for_update().get(pk=campaign.pk)
        thread.start()
        wait_for_a_blocked_statement()
        Campaign.objects.filter(pk=campaign.pk).update(state="sending")
    thread.join(timeout=20)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == ("cancelled", None)
