"""How many sessions a mail server lets in."""

from __future__ import annotations

import pytest

from tracking.inbound.sessions import Sessions

STRANGER, ANOTHER, NEIGHBOUR = "198.41.0.4", "2001:500:2::c", "10.0.0.7"


def test_one_stranger_does_not_take_every_place() -> None:
    sessions = Sessions(most=5, most_each=2)
    assert [sessions.enter(STRANGER) for _ in range(3)] == [True, True, False]
    # whoever has one address of IPv6 has billions of them
    assert [sessions.enter(f"{ANOTHER}{number}") for number in range(3)] == [True, True, False]
    sessions.leave(STRANGER)
    assert [sessions.enter(STRANGER) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("address", [NEIGHBOUR, "127.0.0.1", ""])
def test_our_own_house_may_have_them_all(address: str) -> None:
    sessions = Sessions(most=5, most_each=2)
    assert [sessions.enter(address) for _ in range(6)] == [True] * 5 + [False]
    for _ in range(5):
        sessions.leave(address)
    assert sessions.open == 0
