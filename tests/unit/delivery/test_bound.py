"""What a crash may cost: two windows where the relay is near, more only where its distance demands it."""

from __future__ import annotations

import pytest

from delivery.bound import claimed_limit, most_claimed, window_size


@pytest.mark.parametrize(
    ("latency_ms", "limit"),
    [(0, 96), (1, 96), (5, 96), (10, 144), (20, 192), (50, 192), (1000, 192)],
)
def test_the_bound_grows_with_the_distance_of_the_relay(latency_ms: float, limit: int) -> None:
    assert claimed_limit(48, latency_ms / 1000, 200) == limit


@pytest.mark.parametrize("window", [1, 7, 48, 90, 101, 200])
@pytest.mark.parametrize("latency_ms", [0, 10, 300])
def test_the_bound_is_whole_windows_and_never_above_the_limit(window: int, latency_ms: float) -> None:
    limit = claimed_limit(window, latency_ms / 1000, 200)
    assert 0 < limit <= 200
    assert limit % window == 0


@pytest.mark.parametrize(
    ("message_bytes", "most", "window"), [(0, 200, 48), (1_000, 200, 48), (200_000, 80, 20), (50_000_000, 1, 1)]
)
def test_large_messages_are_fewer_at_a_time(message_bytes: int, most: int, window: int) -> None:
    assert most_claimed(200, message_bytes, 16_000_000) == most
    assert window_size(48, most) == window
