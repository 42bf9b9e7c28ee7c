"""Sending hours: a table of real nights, and a search against the clock on the wall, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.engine.hours import SendingHours, find_zone

BERLIN, TOKYO, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)
OFFICE = SendingHours(time(9), time(17))
NIGHT = SendingHours(time(22), time(2))
WEEKDAYS = SendingHours(time(9), time(17), frozenset({1, 2, 3, 4, 5}))
FRIDAY_NIGHT = SendingHours(time(22), time(2), frozenset({5}))
SKIPPED = SendingHours(time(2), time(3))
FROM_SKIPPED = SendingHours(time(2, 30), time(6))
TWICE = SendingHours(time(2, 15), time(2, 45))
SUNDAYS = SendingHours(weekdays=frozenset({7}))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "opens"),
    [
        (OFFICE, BERLIN, "2026-07-01 06:59", "2026-07-01 07:00"),
        (OFFICE, BERLIN, "2026-07-01 07:00", None),
        (OFFICE, BERLIN, "2026-07-01 14:59", None),
        (OFFICE, BERLIN, "2026-07-01 15:00", "2026-07-02 07:00"),
        (OFFICE, TOKYO, "2026-07-01 15:00", "2026-07-02 00:00"),
        (OFFICE, NEW_YORK, "2026-12-01 12:00", "2026-12-01 14:00"),
        (NIGHT, UTC, "2026-07-01 21:00", "2026-07-01 22:00"),
        (NIGHT, UTC, "2026-07-02 01:59", None),
        (NIGHT, UTC, "2026-07-02 02:00", "2026-07-02 22:00"),
        # 2026-07-03 is a Friday
        (WEEKDAYS, UTC, "2026-07-03 17:00", "2026-07-06 09:00"),
        (FRIDAY_NIGHT, UTC, "2026-07-03 21:59", "2026-07-03 22:00"),
        (FRIDAY_NIGHT, UTC, "2026-07-04 01:00", None),
        (FRIDAY_NIGHT, UTC, "2026-07-04 22:30", "2026-07-10 22:00"),
        (FRIDAY_NIGHT, UTC, "2026-07-03 01:00", "2026-07-03 22:00"),
        (SUNDAYS, UTC, "2026-07-06 00:00", "2026-07-12 00:00"),
        # spring forward on 29 March 2026 at 01:00 UTC: 02:00 to 03:00 is skipped
        (SKIPPED, BERLIN, "2026-03-28 12:00", "2026-03-30 00:00"),
        (FROM_SKIPPED, BERLIN, "2026-03-29 00:30", "2026-03-29 01:00"),
        # fall back on 25 October 2026 at 01:00 UTC: 02:00 to 03:00 comes twice
        (TWICE, BERLIN, "2026-10-25 00:00", "2026-10-25 00:15"),
        (TWICE, BERLIN, "2026-10-25 00:45", "2026-10-25 01:15"),
        (TWICE, BERLIN, "2026-10-25 01:45", "2026-10-26 01:15"),
        (SendingHours(), BERLIN, "2026-07-01 03:00", None),
        (SendingHours(time(9), None), UTC, "2026-07-01 03:00", "2026-07-01 09:00"),
        (SendingHours(None, time(9)), UTC, "2026-07-01 10:00", "2026-07-02 00:00"),
        # Samoa left out Friday, 30 December 2011
        (SendingHours(weekdays=frozenset({5})), ZoneInfo("Pacific/Apia"), "2011-12-29 00:00", "2012-01-05 10:00"),
    ],
)
def test_the_next_opening(hours: SendingHours, zone: ZoneInfo, now: str, opens: str | None) -> None:
    assert hours.next_open(utc(now), zone) == (utc(opens) if opens else None)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "closes"),
    [
        (OFFICE, BERLIN, "2026-07-01 07:00", "2026-07-01 15:00"),
        (OFFICE, BERLIN, "2026-07-01 15:00", "2026-07-01 15:00"),
        (NIGHT, UTC, "2026-07-01 22:00", "2026-07-02 02:00"),
        (FRIDAY_NIGHT, UTC, "2026-07-03 23:00", "2026-07-04 02:00"),
        (SUNDAYS, UTC, "2026-07-12 10:00", "2026-07-13 00:00"),
        (FROM_SKIPPED, BERLIN, "2026-03-29 01:00", "2026-03-29 04:00"),
        # the clock goes back from 03:00 to 02:00 and so out of hours that begin at 02:30
        (SendingHours(time(2, 30), time(4)), BERLIN, "2026-10-25 00:30", "2026-10-25 01:00"),
        (SendingHours(), BERLIN, "2026-07-01 03:00", None),
        (SendingHours(time(9), time(9)), BERLIN, "2026-07-01 03:00", None),
    ],
)
def test_the_closing(hours: SendingHours, zone: ZoneInfo, now: str, closes: str | None) -> None:
    assert hours.closes_at(utc(now), zone) == (utc(closes) if closes else None)


def test_an_unknown_zone_is_that_of_the_installation() -> None:
    for name in ("", "Mars/Olympus", "../etc/passwd", "Europe", "/etc/localtime", "nul\0"):
        assert find_zone(name, "Europe/Berlin").key == "Europe/Berlin"
    assert find_zone("Asia/Tokyo", "UTC").key == "Asia/Tokyo"


def test_other_weekdays_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 7"):
        SendingHours(weekdays=frozenset({0, 1}))


def test_how_long_a_week_is_open() -> None:
    assert WEEKDAYS.open_per_week == timedelta(hours=40)
    assert NIGHT.open_per_week == timedelta(hours=28)
    assert SendingHours().open_per_week == timedelta(days=7)


def is_inside(hours: SendingHours, moment: datetime, zone: ZoneInfo) -> bool:
    """The same question, answered from the words of the form."""
    wall = moment.astimezone(zone)
    days = hours.weekdays or set(range(1, 8))
    begin, end = hours.begin or time.min, hours.end or time.min
    today, yesterday = wall.isoweekday() in days, (wall.isoweekday() - 2) % 7 + 1 in days
    if begin < end:
        return today and begin <= wall.time() < end
    return (today and wall.time() >= begin) or (yesterday and wall.time() < end)


quarters = st.none() | st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
zones = st.sampled_from(
    [BERLIN, TOKYO, NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]
)
hours_of_all_kinds = st.builds(SendingHours, quarters, quarters, st.frozensets(st.integers(1, 7)))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(second=0, microsecond=0)
)
# around changes of clocks in one of the zones
changes = st.sampled_from(["2026-03-08 07:00", "2026-03-29 01:00", "2026-04-04 15:00", "2026-10-25 01:00"]).map(utc)
near_changes = st.builds(lambda at, minutes: at + minutes * MINUTE, changes, st.integers(-900, 900))


@settings(deadline=None, max_examples=60)
@given(hours_of_all_kinds, zones, moments | near_changes)
@example(TWICE, BERLIN, utc("2026-10-25 00:50"))
def test_between_now_and_the_answer_nothing_changes(hours: SendingHours, zone: ZoneInfo, now: datetime) -> None:
    is_open = is_inside(hours, now, zone)
    assert (hours.next_open(now, zone) is None) == is_open
    changes_at = hours.closes_at(now, zone) if is_open else hours.next_open(now, zone)
    if changes_at is None:
        assert hours.is_always
        return
    assert now < changes_at <= now + timedelta(days=16)
    assert is_inside(hours, changes_at, zone) is not is_open
    moment = now
    while moment < changes_at:
        assert is_inside(hours, moment, zone) is is_open
        moment += 5 * MINUTE
    assert is_inside(hours, changes_at - MINUTE, zone) is is_open
