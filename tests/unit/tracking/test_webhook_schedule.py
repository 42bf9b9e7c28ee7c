"""When a webhook is posted again, as a table."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tracking.hooks.schedule import GIVE_UP_AFTER, wait_after

DAY = timedelta(days=1)


@pytest.mark.parametrize(("tried", "seconds"), [(1, 10), (2, 40), (3, 160), (5, 2560), (7, 21600), (60, 21600)])
def test_waits_grow_up_to_six_hours_and_chance_only_adds(tried: int, seconds: int) -> None:
    found = [wait_after(tried, DAY, random.Random(seed)) for seed in range(50)]
    waits = [wait.total_seconds() for wait in found if wait]
    assert len(waits) == 50
    assert seconds <= min(waits) < max(waits) <= seconds * 1.2


def test_a_day_of_tries_and_no_more() -> None:
    rng, left, tries = random.Random(7), GIVE_UP_AFTER, 1
    while (wait := wait_after(tries, left, rng)) is not None:
        left -= wait
        tries += 1
    assert 9 <= tries <= 12
    assert left < timedelta(hours=7.2)
