"""How many windows are claimed together: more while all of them are answered alike, one where an answer is late."""

from __future__ import annotations

import pytest

from delivery.stride import EVEN_FACTOR, EVEN_SECONDS, FAR_SECONDS, Stride


def grown(latency_seconds: float) -> Stride:
    stride = Stride()
    for _ in range(5):
        stride.answered(latency_seconds, latency_seconds)
    return stride


def test_a_child_begins_with_one_window() -> None:
    assert Stride().windows == 1


@pytest.mark.parametrize(("latency", "most"), [(0.0, 2), (FAR_SECONDS * 0.99, 2), (FAR_SECONDS, 4), (0.5, 4)])
def test_it_doubles_as_far_as_the_distance_of_the_relay_makes_sense(latency: float, most: int) -> None:
    stride, seen = Stride(), []
    for _ in range(4):
        stride.answered(latency, latency)
        seen.append(stride.windows)
    assert seen == [2, most, most, most]


@pytest.mark.parametrize("latency", [0.0, 0.05, 1.0])
def test_one_late_answer_brings_it_back_to_one(latency: float) -> None:
    late = EVEN_FACTOR * latency + EVEN_SECONDS
    stride = grown(latency)
    stride.answered(late, latency)
    assert stride.windows > 1, "as long as that is even"
    stride.answered(late + 0.001, latency)
    assert stride.windows == 1
    stride.answered(latency, latency)
    assert stride.windows == 2


def test_a_relay_that_comes_nearer_has_fewer() -> None:
    stride = grown(0.05)
    stride.answered(0.001, 0.001)
    assert stride.windows == 2
