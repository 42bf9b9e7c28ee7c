"""Hours and days are read from quarters of an hour, in every time zone, and old installations get them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from tests.integration.tracking.conftest import forget_partitioned_rows
from tests.integration.tracking.test_rollups import assert_quarters_are_those_of_the_minutes
from tests.people import a_campaign
from tracking import reports
from tracking.models import MinuteRollup, QuarterRollup
from tracking.occurrence import happened
from tracking.record import record

# offsets of 5:30, 5:45, 12:45 or 13:45, 10:30 or 11, and whole hours with summer time
ZONES = ("Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "America/New_York", "UTC")


@pytest.fixture
def busy(db: None) -> tuple[Campaign, list[dt.datetime]]:
    """A campaign with an open of a person every seven minutes for two days, and when they were."""
    forget_partitioned_rows()
    launched = dt.datetime.now(dt.UTC).replace(minute=7, second=30, microsecond=0) - dt.timedelta(days=2)
    campaign = a_campaign(state="sent")
    Campaign.objects.filter(pk=campaign.pk).update(launched_at=launched)
    times = [launched + dt.timedelta(minutes=7 * n) for n in range(400)]
    opens = [happened("open", at=at, campaign_id=campaign.pk, lead_id=n + 1) for n, at in enumerate(times)]
    record(opens, park=False)
    return campaign, times


@pytest.mark.parametrize("zone", ZONES)
def test_hours_and_days_are_those_of_the_time_zone(busy: tuple[Campaign, list[dt.datetime]], zone: str) -> None:
    campaign, times = busy
    local = [at.astimezone(ZoneInfo(zone)) for at in times]
    with timezone.override(zone):
        hours = reports.series(campaign.pk, "hour")
        days = reports.series(campaign.pk, "day")
    assert {point.at: point.opens for point in hours} == Counter(
        at.replace(minute=0, second=0).astimezone(dt.UTC) for at in local
    )
    assert {point.at: point.opens for point in days} == Counter(
        at.replace(hour=0, minute=0, second=0).astimezone(dt.UTC) for at in local
    )
    found = reports.campaign_report(campaign.pk)
    assert found.opens.human == sum(hour.opens for hour in found.hours) == len(times)


def test_a_scale_of_minutes_has_every_minute(busy: tuple[Campaign, list[dt.datetime]]) -> None:
    campaign, times = busy
    found = reports.series(campaign.pk, "minute")
    assert [point.at for point in found] == [
        at.replace(second=0) for at in times if at < times[0].replace(second=0) + dt.timedelta(hours=3)
    ]


@pytest.fixture
def an_older_version(transactional_db: None) -> Iterator[None]:
    """The tables as they were before there were quarters; afterwards as they are now."""
    call_command("migrate", "tracking", "0012", verbosity=0)
    yield
    call_command("migrate", "tracking", verbosity=0)
    forget_partitioned_rows()


def test_an_older_installation_gets_its_quarters(an_older_version: None) -> None:
    campaign = a_campaign(state="sent")
    first = dt.datetime(2026, 3, 1, 8, 55, tzinfo=dt.UTC)
    MinuteRollup.objects.bulk_create(
        MinuteRollup(campaign_id=campaign.pk, minute=first + dt.timedelta(minutes=n), kind=kind, who=who, count=n + 1)
        for n in range(50)
        for kind, who in (("sent", ""), ("open", "human"), ("open", "machine"))
    )
    call_command("migrate", "tracking", verbosity=0)
    assert QuarterRollup.objects.filter(campaign_id=campaign.pk, kind="open", who="human").count() == 4
    assert_quarters_are_those_of_the_minutes()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(count) FROM tracking_quarter WHERE kind = 'sent'")
        assert cursor.fetchone()[0] == 50 * 51 // 2
