"""Sending hours where they meet batches: at launch, with retries, after a change, and when a campaign is cancelled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from django.db.models.functions import Now

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from campaigns.services import states
from campaigns.services.pace import Pace, change_pace
from delivery import collect, launch, numbers, send, sweep
from delivery.models import Batch, Email

MakeCampaign = Callable[..., Campaign]
HOUR = dt.timedelta(hours=1)
# neither changes its clock
TOKYO, PHOENIX = "Asia/Tokyo", "America/Phoenix"


def around_now(zone: str) -> dict[str, dt.time]:
    """Hours that are open in this zone for an hour yet."""
    now = dt.datetime.now(ZoneInfo(zone)).replace(second=0, microsecond=0)
    return {"send_from": (now - HOUR).time(), "send_until": (now + HOUR).time()}


def closed_now() -> dict[str, dt.time]:
    """Hours that open in an hour by the installation's clock."""
    now = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
    return {"send_from": (now + HOUR).time(), "send_until": (now + 2 * HOUR).time()}


def an_hour_ago() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - HOUR


def launched(campaign: Campaign) -> None:
    assert launch.launch_campaign(campaign_id=campaign.pk)


def emails_of(batch: Batch) -> set[str]:
    return set(Lead.objects.filter(pk__in=batch.lead_ids).values_list("email", flat=True))


def live_in(zone: str, *numbers_of_leads: int) -> None:
    Lead.objects.filter(email__in=[f"lead{n}@example.com" for n in numbers_of_leads]).update(time_zone=zone)


def test_by_local_time_each_zone_has_batches_and_an_opening_of_its_own(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=10, by_local_time=True, **around_now(TOKYO))
    live_in(TOKYO, 0, 1, 2)
    live_in(PHOENIX, 3, 4)
    live_in("UTC", 5)
    live_in("Mars/Olympus", 6)
    begin = an_hour_ago()

    launched(campaign)

    batches = {batch.time_zone: batch for batch in Batch.objects.all()}
    assert {zone: batch.size for zone, batch in batches.items()} == {TOKYO: 3, PHOENIX: 2, "UTC": 5}
    assert emails_of(batches[PHOENIX]) == {"lead3@example.com", "lead4@example.com"}
    # the same time of day comes nine hours after Tokyo's to the installation's zone, and to Phoenix seven hours later
    assert batches[TOKYO].not_before <= dt.datetime.now(dt.UTC)
    assert batches["UTC"].not_before == begin + 9 * HOUR
    assert batches[PHOENIX].not_before == begin + 16 * HOUR


def test_only_the_zone_that_is_open_is_published_and_sent(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=4, by_local_time=True, **around_now(TOKYO))
    live_in(TOKYO, 0, 1)
    launched(campaign)

    for batch_id in Batch.objects.values_list("pk", flat=True):
        send.send_batch(batch_id)

    assert sorted(address for address, _ in sink.accepted()) == ["lead0@example.com", "lead1@example.com"]
    assert numbers.campaign_numbers(campaign.pk).pending == 2


def test_without_local_time_all_wait_for_the_installations_hours(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=4, **closed_now())
    live_in(TOKYO, 0, 1)

    launched(campaign)

    batch = Batch.objects.get()
    assert (batch.time_zone, batch.size) == ("", 4)
    assert batch.not_before == an_hour_ago() + 2 * HOUR


def test_without_hours_everything_begins_at_once(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=4, by_local_time=True)
    live_in(TOKYO, 0)

    launched(campaign)

    assert {batch.time_zone for batch in Batch.objects.filter(not_before__lte=Now())} == {TOKYO, "UTC"}


def test_a_retry_waits_for_the_hours_of_its_lead(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", text="451 4.3.0 try again")])
    campaign = make_campaign(leads=2, by_local_time=True)
    live_in(PHOENIX, 1)
    launched(campaign)
    for batch_id in Batch.objects.values_list("pk", flat=True):
        send.send_batch(batch_id)
    Campaign.objects.filter(pk=campaign.pk).update(**around_now("UTC"))
    begin = an_hour_ago()
    Email.objects.filter(status="deferred").update(due_at=Now())

    assert collect.collect_retries() == 2

    retries = {batch.time_zone: batch for batch in Batch.objects.filter(kind="retry")}
    assert retries["UTC"].not_before <= dt.datetime.now(dt.UTC)
    assert retries[PHOENIX].not_before == begin + 7 * HOUR


def test_other_hours_reach_the_waiting_batches_at_once(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=4, by_local_time=True, **closed_now())
    live_in(TOKYO, 0, 1)
    launched(campaign)
    campaign.refresh_from_db()
    begin = an_hour_ago()

    change_pace(campaign_id=campaign.pk, pace=Pace(**around_now(TOKYO)), before=Pace.of(campaign))

    opens = dict(Batch.objects.values_list("time_zone", "not_before"))
    assert opens[TOKYO] <= dt.datetime.now(dt.UTC)
    assert opens["UTC"] == begin + 9 * HOUR
    campaign.refresh_from_db()
    change_pace(campaign_id=campaign.pk, pace=Pace(), before=Pace.of(campaign))
    assert Batch.objects.filter(not_before__lte=Now()).count() == 2


def test_the_rest_of_a_test_and_a_batch_at_work_are_left_alone(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=2, by_local_time=True, **closed_now())
    live_in(TOKYO, 0)
    launched(campaign)
    campaign.refresh_from_db()
    Batch.objects.filter(time_zone=TOKYO).update(variant=-1)
    Batch.objects.filter(time_zone="UTC").update(lease_until=Now() + dt.timedelta(seconds=30), state="leased")
    before = dict(Batch.objects.values_list("time_zone", "not_before"))

    change_pace(campaign_id=campaign.pk, pace=Pace(), before=Pace.of(campaign))

    assert dict(Batch.objects.values_list("time_zone", "not_before")) == before


@pytest.mark.usefixtures("redis_client")
def test_a_cancelled_campaign_does_not_wait_for_its_hours(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=4, **closed_now())
    launched(campaign)
    states.cancel_campaign(campaign_id=campaign.pk)

    sweep.settle_cancelled()
    for batch_id in Batch.objects.values_list("pk", flat=True):
        send.send_batch(batch_id)

    found = numbers.campaign_numbers(campaign.pk)
    assert (found.state, found.pending, found.skipped) == ("cancelled", 0, 4)
