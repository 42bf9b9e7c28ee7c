"""What a crash may cost: four windows, fewer where messages are large."""

from __future__ import annotations

import pytest

from delivery.bound import claimed_limit, most_claimed, window_size


@pytest.mark.parametrize(("window", "limit"), [(1, 200), (7, 196), (48, 192), (90, 180), (101, 101), (200, 200)])
def test_the_bound_is_as_many_whole_windows_as_may_be_claimed(window: int, limit: int) -> None:
    assert claimed_limit(window, 200) == limit


@pytest.mark.parametrize(
    ("message_bytes", "most", "window"), [(0, 200, 48), (1_000, 200, 48), (200_000, 80, 20), (50_000_000, 1, 1)]
)
def test_large_messages_are_fewer_at_a_time(message_bytes: int, most: int, window: int) -> None:
    assert most_claimed(200, message_bytes, 16_000_000) == most
    assert window_size(48, most) == window
