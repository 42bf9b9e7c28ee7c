"""When a campaign must stop: the arithmetic as a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.guardrail import Limits, Tally, Watch, judge

LIMITS = Limits({"bounces": 5, "complaints": 0.3, "deferrals": 50, "unknowns": 10}, first=500, window=1000, least=10)
NOTHING = Tally()


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (Tally(100, 20), None),  # a fifth, but the first 500 could still hold
        (Tally(480, 25), None),  # just 5 % of 500
        (Tally(100, 26), "bounces"),  # whatever follows, the first 500 have passed it
        (Tally(9_000, 450), None),
        (Tally(9_000, 451), "bounces"),
        (Tally(500, 0, 9), None),  # nine are too few, whatever the share
        (Tally(500, 0, 10), "complaints"),
        (Tally(50_000, 0, 150), None),
        (Tally(50_000, 0, 151), "complaints"),
        (Tally(600, 0, 0, 301), "deferrals"),
        (Tally(600, 0, 0, 0, 61), "unknowns"),
    ],
)
def test_limits_over_the_beginning(now: Tally, kind: str | None) -> None:
    trip = judge(LIMITS, Watch(NOTHING), now)
    assert (trip.kind if trip else None) == kind
    assert trip is None or trip.is_first


def test_trouble_that_begins_late_is_seen_in_the_last_window() -> None:
    watch = Watch(NOTHING)
    for tried in range(100, 50_001, 100):
        now = Tally(tried, tried // 100)
        assert judge(LIMITS, watch, now) is None
        watch = watch.seen(now, LIMITS.window)
    now = Tally(50_300, 500 + 60)
    trip = judge(LIMITS, watch, now)
    assert trip is not None
    assert (trip.kind, trip.is_first) == ("bounces", False)
    assert trip.tried >= LIMITS.window
    assert "of the last 1,000 e-mails bounced for good" in trip.words


def test_complaints_of_old_e_mails_are_no_share_of_the_last_ones() -> None:
    watch = Watch(NOTHING)
    for tried in range(1000, 100_001, 1000):
        watch = watch.seen(Tally(tried, 0, 0), LIMITS.window)
    assert judge(LIMITS, watch, Tally(100_100, 0, 200)) is None
    assert judge(LIMITS, watch, Tally(100_100, 0, 310)) is not None


def test_a_limit_of_zero_is_none() -> None:
    off = Limits(dict.fromkeys(LIMITS.percent, 0.0))
    assert judge(off, Watch(NOTHING), Tally(1000, 900, 900, 900, 900)) is None


def test_after_a_resume_only_what_is_new_counts() -> None:
    base = Tally(1000, 300)
    assert judge(LIMITS, Watch(base), base) is None
    assert judge(LIMITS, Watch(base), Tally(1200, 325)) is None
    assert judge(LIMITS, Watch(base), Tally(1200, 326)) is not None


def test_retries_that_succeed_never_count_as_negative_trouble_of_others() -> None:
    base = Tally(1000, 0, 0, 900)
    assert judge(LIMITS, Watch(base), Tally(1500, 0, 0, 100)) is None


@given(st.lists(st.integers(1, 5000), max_size=60))
def test_what_is_remembered_stays_small_and_reaches_a_window_back(steps: list[int]) -> None:
    watch, tried, taken = Watch(NOTHING), 0, list[Tally]()
    for step in steps:
        tried += step
        watch = watch.seen(Tally(tried), LIMITS.window)
        taken += [sample for sample in watch.samples[-1:] if sample not in taken]
        assert len(watch.samples) <= 12
        assert tried - (watch.samples[-1] if watch.samples else NOTHING).tried < 100
        a_window_back = [sample for sample in taken if sample.tried <= tried - LIMITS.window]
        assert not a_window_back or a_window_back[-1] in watch.samples
