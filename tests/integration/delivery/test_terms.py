"""Hours, frequency cap, pace and people's limits on the road of a real batch to a real server."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from campaigns.services.pace import Pace, change_pace
from delivery import collect, launch, numbers, send
from delivery.models import Batch, Email, LeadTouch, Provider, SenderLimit, SendingPolicy
from delivery.opening import reopen_of_author

MakeCampaign = Callable[..., Campaign]
HOUR = dt.timedelta(hours=1)
PATIENCE_SECONDS = 20.0


def launched(campaign: Campaign) -> Batch:
    """Launch it; its one batch."""
    assert launch.launch_campaign(campaign_id=campaign.pk)
    campaign.refresh_from_db()
    return Batch.objects.get(campaign=campaign)


def send_ready(campaign: Campaign) -> numbers.Numbers:
    for batch_id in Batch.objects.filter(campaign=campaign, state="ready").values_list("pk", flat=True):
        send.send_batch(batch_id)
    found = numbers.campaign_numbers(campaign.pk)
    assert found == numbers.recount(campaign.pk)
    return found


def reasons_of(campaign: Campaign) -> dict[str, str]:
    """The reasons of skipped leads, by the name in their address."""
    emails = dict(Lead.objects.values_list("pk", "email"))
    skipped = Email.objects.filter(campaign_id=campaign.pk, status="skipped").values_list("lead_id", "reply")
    return {emails[lead_id].split("@")[0]: reply or "" for lead_id, reply in skipped}


def slow_down() -> None:
    """Twenty a second: a batch of two hundred takes longer than any of these tests."""
    Provider.objects.update(rate_per_second=20)


# --- hours
def test_a_worker_gives_the_batch_back_when_its_hours_close(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=200)
    slow_down()
    batch = launched(campaign)
    closes = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.5)
    opens = (closes - HOUR).replace(microsecond=0)
    Campaign.objects.update(send_from=opens.time(), send_until=closes.time())

    found = send_ready(campaign)

    batch.refresh_from_db()
    assert 0 < found.sent < 100
    assert found.sent == len(sink.accepted()) == batch.cursor
    assert batch.state == "ready"
    assert batch.not_before == opens + dt.timedelta(days=1)
    assert send.send_batch(batch.pk) == 0


def test_a_batch_that_is_closed_already_is_not_begun(make_campaign: MakeCampaign, sink: Sink) -> None:
    batch = launched(campaign := make_campaign(leads=5))
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    Campaign.objects.update(send_from=(now + HOUR).time(), send_until=(now + 2 * HOUR).time())

    assert send_ready(campaign).pending == 5

    batch.refresh_from_db()
    assert (batch.cursor, batch.not_before, sink.accepted()) == (0, now + HOUR, [])


def test_hours_that_are_changed_reach_a_batch_on_its_way(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=200)
    slow_down()
    batch = launched(campaign)
    opens = dt.datetime.now(dt.UTC).replace(microsecond=0) + HOUR
    pace = Pace(send_from=opens.time(), send_until=(opens + HOUR).time())

    def close() -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not sink.accepted() and time.monotonic() < until:
            threading.Event().wait(0.01)
        change_pace(campaign_id=campaign.pk, pace=pace, before=Pace())
        connection.close()

    thread = threading.Thread(target=close)
    thread.start()
    found = send_ready(campaign)
    thread.join()

    batch.refresh_from_db()
    assert 0 < found.sent < 100
    assert (batch.state, batch.not_before) == ("ready", opens)


def test_a_cancelled_campaign_drains_in_closed_hours(make_campaign: MakeCampaign, sink: Sink) -> None:
    launched(campaign := make_campaign(leads=5))
    now = dt.datetime.now(dt.UTC)
    hours = {"send_from": (now + HOUR).time(), "send_until": (now + 2 * HOUR).time()}
    Campaign.objects.update(state="cancelled", **hours)

    assert send_ready(campaign).skipped == 5


def test_a_cancelled_campaign_drains_whatever_its_pace_and_without_a_provider(
    make_campaign: MakeCampaign, sink: Sink
) -> None:
    launched(campaign := make_campaign(leads=120, max_per_hour=1))
    Campaign.objects.update(state="cancelled")
    Provider.objects.update(state="paused")

    assert send_ready(campaign).skipped == 120
    assert not sink.accepted()


# --- frequency cap
@pytest.fixture
def two_campaigns(make_campaign: MakeCampaign) -> tuple[Campaign, Campaign]:
    """Two campaigns to the same eight leads, one e-mail a week allowed."""
    first = make_campaign(leads=8)
    second = Campaign.objects.get(pk=first.pk)
    second.pk, second.name = None, "More news"
    second.save()
    SendingPolicy.objects.create(frequency_cap=1, frequency_days=7)
    return first, second


def test_the_second_campaign_of_a_week_skips_who_got_the_first(
    two_campaigns: tuple[Campaign, Campaign], sink: Sink
) -> None:
    first, second = two_campaigns
    sink.behave([Rule("RCPT", "lead1@*", text="451 4.3.0 try again"), Rule("RCPT", "lead2@*", text="550 5.7.1 no")])
    launched(first)
    assert send_ready(first).sent == 6
    sink.behave([])
    launched(second)

    found = send_ready(second)

    capped = {f"lead{n}" for n in (0, 3, 4, 5, 6, 7)}
    assert reasons_of(second) == dict.fromkeys(capped, "frequency cap: 1 in 7 days")
    # those that the first one did not reach had their place given back
    assert (found.sent, found.skipped) == (2, 6)
    assert len(sink.accepted()) == 8
    assert all(len(touch.campaign_ids) == 1 for touch in LeadTouch.objects.all())
    # and a retry asks for its place again
    Email.objects.filter(campaign_id=first.pk, status="deferred").update(due_at=Now())
    assert collect.collect_retries() >= 1
    send_ready(first)
    assert reasons_of(first)["lead1"] == "frequency cap: 1 in 7 days"
    assert len(sink.accepted()) == 8


def test_an_unknown_keeps_its_place(two_campaigns: tuple[Campaign, Campaign], sink: Sink) -> None:
    first, second = two_campaigns
    sink.behave([Rule("DOT", "lead1@*", action="close")])
    launched(first)
    send_ready(first)
    sink.behave([])
    launched(second)
    send_ready(second)
    assert "lead1" in reasons_of(second)


def test_a_campaign_that_ignores_the_cap_neither_asks_nor_counts(
    two_campaigns: tuple[Campaign, Campaign], sink: Sink
) -> None:
    first, second = two_campaigns
    Campaign.objects.filter(pk=first.pk).update(ignores_frequency_cap=True)
    for campaign in (first, second):
        launched(campaign)
        assert send_ready(campaign).sent == 8
    assert LeadTouch.objects.count() == 8


def test_without_a_cap_nothing_is_written_down(make_campaign: MakeCampaign, sink: Sink) -> None:
    launched(campaign := make_campaign(leads=5))
    assert send_ready(campaign).sent == 5
    assert not LeadTouch.objects.exists()


# --- pace and people's limits
def test_a_pace_holds_and_can_be_changed_under_way(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=30, max_per_hour=1)
    batch = launched(campaign)

    assert send_ready(campaign).sent == 0

    batch.refresh_from_db()
    assert batch.not_before > dt.datetime.now(dt.UTC) + HOUR / 7
    change_pace(campaign_id=campaign.pk, pace=Pace(), before=Pace.of(campaign))
    assert send_ready(campaign).sent == 30


def test_a_person_sends_no_more_than_allowed_over_all_campaigns(
    two_campaigns: tuple[Campaign, Campaign], sink: Sink
) -> None:
    SendingPolicy.objects.all().delete()
    ann = User.objects.create(username="ann")
    Campaign.objects.update(created_by=ann)
    limit = SenderLimit.objects.create(user=ann, per_day=10)
    first, second = two_campaigns
    for campaign in (first, second):
        campaign.refresh_from_db()
        launched(campaign)
        send_ready(campaign)

    assert len(sink.accepted()) == 10
    waiting = Batch.objects.get(campaign=second)
    assert waiting.not_before > dt.datetime.now(dt.UTC)
    # an operator who raises the limit does not have to wait for midnight
    numbers.refresh_counters()
    limit.delete()
    assert reopen_of_author(ann.pk) == 1
    assert send_ready(second).sent == 8
