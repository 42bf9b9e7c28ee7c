"""Turns of providers: shares by weight, counted in messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from delivery.directory import Member
from delivery.selection import MOST_CREDIT_MESSAGES, Turns, least_loaded


def members(*weights: int) -> list[Member]:
    return [Member(number, 1, weight) for number, weight in enumerate(weights, start=1)]


def deal(turns: Turns, candidates: Sequence[Member], windows: Sequence[int]) -> Counter[int]:
    given_out: Counter[int] = Counter()
    for messages in windows:
        chosen = turns.best(candidates)
        turns.charge(chosen, candidates, messages)
        given_out[chosen.provider_id] += messages
    return given_out


def test_windows_of_one_size_go_round_smoothly() -> None:
    turns, both = Turns(), members(2, 1)
    order = []
    for _ in range(6):
        chosen = turns.best(both)
        turns.charge(chosen, both, 48)
        order.append(chosen.provider_id)
    assert order == [1, 2, 1, 1, 2, 1]


@given(
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
    st.lists(st.integers(1, 48), min_size=400, max_size=500),
)
def test_shares_are_those_of_the_weights_whatever_the_windows(weights: list[int], windows: list[int]) -> None:
    dealt = deal(Turns(), members(*weights), windows)
    total = sum(windows)
    for number, weight in enumerate(weights, start=1):
        assert abs(dealt[number] - total * weight / sum(weights)) <= 48 * 2


def test_who_could_not_be_chosen_does_not_get_all_that_it_missed() -> None:
    turns, both = Turns(), members(1, 1)
    for _ in range(1000):
        turns.charge(both[0], both, 48)
    caught_up = 0
    while turns.best(both).provider_id == 2:
        turns.charge(both[1], both, 48)
        caught_up += 48
    assert caught_up <= 2 * MOST_CREDIT_MESSAGES + 48


def test_the_least_loaded_for_its_weight_is_next() -> None:
    three = members(1, 2, 4)
    assert least_loaded(three, {}).provider_id == 3
    assert least_loaded(three, {3: 100, 2: 10, 1: 6}).provider_id == 2
    assert least_loaded(three, {3: 100, 2: 60, 1: 20}).provider_id == 1
