"""Warm-up plans over simulated days, and each rule of the daily step as a row of a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.warmup import FULLY_WARM, Plan, Volume, advance, ceiling, ceiling_of, days_until_done

RAMP = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 50_000, 75_000, 100_000, 150_000, 200_000, 250_000)
NEW = Plan(RAMP)
FIRST = date(2026, 3, 1)
MONDAY = date(2026, 3, 2)

Send = Callable[[int, int | None], Volume]


def simulate(send: Send, days: int, plan: Plan = NEW, daily_limit: int | None = None) -> list[int | None]:
    """Ceilings of so many days. send: takes the day's number and ceiling, gives what was sent on it."""
    ceilings, last = [], Volume()
    for number in range(days):
        today = FIRST + timedelta(days=number)
        # beat comes many times a day: first with nothing sent, at last with all of it
        plan = advance(plan, today=today, last=last, daily_limit=daily_limit)
        ceilings.append(ceiling(plan))
        last = send(number, ceiling(plan))
        for _ in range(2):
            plan = advance(plan, today=today, last=Volume(), current=last, daily_limit=daily_limit)
        assert ceiling(plan) == ceilings[-1], "the ceiling moved within a day"
    return ceilings


def all_of_it(_day: int, most: int | None) -> Volume:
    return Volume(accepted=FULLY_WARM if most is None else most)


def test_forty_good_days_follow_the_ramp_then_a_fifth_then_a_tenth_until_a_million() -> None:
    found = simulate(all_of_it, 40)

    assert tuple(found[:14]) == RAMP
    assert found[14:21] == [300_000, 360_000, 432_000, 518_400, 622_080, 746_496, 895_795]
    assert found[21] == 985_375
    # one more tenth is above a million: no ceiling from then on
    assert found[22:] == [None] * 18


def test_after_seven_steep_days_a_smaller_ramp_rises_by_a_tenth() -> None:
    found = [value for value in simulate(all_of_it, 40, Plan((100, 1000))) if value is not None]

    growth = [after / before for before, after in pairwise(found[1:])]
    assert [round(rate, 2) for rate in growth] == [1.2] * 7 + [1.1] * (len(growth) - 7)
    assert len(found) == 40


def test_idle_days_and_weekends_do_not_rise() -> None:
    def weekdays(day: int, most: int | None) -> Volume:
        is_weekend = (FIRST + timedelta(days=day)).weekday() >= 5
        return Volume() if is_weekend else Volume(accepted=most or 0)

    # the first is a Sunday
    assert simulate(weekdays, 9) == [200, 200, 500, 1_000, 2_000, 5_000, 10_000, 10_000, 10_000]


def test_a_throttled_day_does_not_rise_and_the_next_good_one_does() -> None:
    def throttled_on_the_third(day: int, most: int | None) -> Volume:
        return Volume(accepted=900, throttled=100) if day == 2 else Volume(accepted=most or 0)

    assert simulate(throttled_on_the_third, 6) == [200, 500, 1_000, 1_000, 2_000, 5_000]


def test_thirty_idle_days_begin_anew() -> None:
    def only_ten_days(day: int, most: int | None) -> Volume:
        return Volume(accepted=most or 0) if day < 10 else Volume()

    found = simulate(only_ten_days, 41)

    assert found[38] == 100_000  # 29 days after the last mail
    assert found[39:] == [200, 200]


def test_a_plan_that_is_done_begins_anew_too() -> None:
    def only_five_days(day: int, most: int | None) -> Volume:
        return Volume(accepted=most or 5_000) if day < 5 else Volume()

    found = simulate(only_five_days, 36, Plan((100, 200)), daily_limit=300)

    assert found[:5] == [100, 200, 240, 288, None]
    assert found[33:] == [None, 100, 100]


def test_the_providers_own_daily_limit_ends_the_plan() -> None:
    assert simulate(all_of_it, 5, daily_limit=2_000) == [200, 500, 1_000, None, None]


# what happened on Sunday, the plan's state on it; stage on Monday
STEPS = [
    ("all used", Volume(accepted=1_000), "running", 3),
    ("half used", Volume(accepted=500), "running", 3),
    ("hardly used", Volume(accepted=499), "running", 2),
    ("not used", Volume(), "running", 2),
    ("tried, not accepted", Volume(others=1_000), "running", 2),
    ("a few throttled", Volume(accepted=1_000, throttled=4), "running", 3),
    ("many throttled", Volume(accepted=900, throttled=100), "running", 2),
    ("many blocked", Volume(accepted=900, blocked=100), "running", 2),
    ("both together", Volume(accepted=950, throttled=15, blocked=10), "running", 2),
    ("a small share", Volume(accepted=990, throttled=10), "running", 3),
    ("frozen by a person", Volume(accepted=1_000), "frozen", 2),
]


@pytest.mark.parametrize(("_case", "sunday", "state", "stage"), STEPS)
def test_a_day_decides_about_the_next(_case: str, sunday: Volume, state: str, stage: int) -> None:
    plan = Plan(RAMP, stage=2, stage_day=FIRST, state=state)  # type: ignore[arg-type]

    moved = advance(plan, today=MONDAY, last=sunday)

    assert (moved.stage, moved.stage_day, moved.state) == (stage, MONDAY, state)
    assert moved.last_sent_on == (FIRST if sunday.handed_over else None)


def test_several_days_without_beat_rise_once() -> None:
    plan = Plan(RAMP, stage=2, stage_day=FIRST)
    assert advance(plan, today=FIRST + timedelta(days=9), last=Volume(accepted=1_000)).stage == 3


def test_a_frozen_plan_stays_frozen_when_it_begins_anew() -> None:
    plan = Plan(RAMP, stage=5, stage_day=FIRST, state="frozen", last_sent_on=FIRST)
    moved = advance(plan, today=FIRST + timedelta(days=30), last=Volume())
    assert (moved.stage, moved.state, moved.last_sent_on) == (0, "frozen", None)


def test_todays_trouble_is_told_at_once_and_forgotten_the_next_day() -> None:
    plan = Plan(RAMP, stage=2, stage_day=FIRST)

    held = advance(plan, today=FIRST, last=Volume(), current=Volume(accepted=100, throttled=30, blocked=2))
    assert held.held == "30 throttled and 2 blocked of 132 that day"
    assert advance(held, today=MONDAY, last=Volume(accepted=900, throttled=30)).held == ""


@given(
    st.sampled_from(["running", "frozen", "done"]), st.integers(0, 40), st.integers(0, 60), st.integers(0, 2_000_000),
    st.integers(0, 5_000), st.integers(0, 5_000), st.one_of(st.none(), st.integers(1, 3_000_000)),
)  # fmt: skip
def test_asking_twice_changes_nothing_more(
    state: str, stage: int, days: int, accepted: int, throttled: int, now_sent: int, limit: int | None
) -> None:
    plan = Plan(RAMP, stage=stage, stage_day=FIRST, state=state)  # type: ignore[arg-type]
    today = FIRST + timedelta(days=days)
    current = Volume(accepted=now_sent)

    once = advance(plan, today=today, last=Volume(accepted, throttled), current=current, daily_limit=limit)
    # the day that it asks about is today now, and today is never judged before it is over
    twice = advance(once, today=today, last=current, current=current, daily_limit=limit)

    assert twice == once
    assert once.stage <= plan.stage + 1


@given(st.lists(st.integers(1, 300_000), min_size=1, max_size=20).map(sorted))
def test_a_ceiling_never_falls_while_a_plan_goes_on(ramp: list[int]) -> None:
    found = [ceiling_of(tuple(ramp), stage) for stage in range(len(ramp) + 60)]
    assert found == sorted(found)


@pytest.mark.parametrize(("limit", "days"), [(None, 22), (250_000, 13), (1, 1)])
def test_the_length_of_a_plan_is_told_ahead(limit: int | None, days: int) -> None:
    assert days_until_done(RAMP, limit) == days
