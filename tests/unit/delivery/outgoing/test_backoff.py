"""When a delivery that failed is tried again."""

from __future__ import annotations

import random

import pytest

from delivery.outgoing import MAX_TRIES, wait_after


@pytest.mark.parametrize(("tried", "minutes"), [(1, 1), (2, 3), (3, 9), (4, 27), (5, 81), (6, 243), (7, 360)])
def test_waits_grow_threefold_up_to_six_hours_with_jitter(tried: int, minutes: int) -> None:
    waits = {wait_after(tried, random.Random(seed)) for seed in range(50)}
    found = [wait.total_seconds() / 60 for wait in waits if wait]
    assert len(found) == 50
    assert all(minutes <= wait <= minutes * 1.2 for wait in found)


def test_eight_tries_are_enough() -> None:
    assert MAX_TRIES == 8
    assert wait_after(8, random.Random(1)) is None
    with pytest.raises(ValueError, match="nothing was tried"):
        wait_after(0, random.Random(1))
