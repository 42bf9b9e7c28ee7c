"""The bound on what a child may have claimed, over two batches that overlap."""

from __future__ import annotations

import asyncio

import pytest

from delivery.claimed import Claimed


@pytest.mark.parametrize(
    ("count", "in_hand", "held_before", "room"),
    [
        (0, 0, 0, 192),
        (48, 0, 0, 144),
        (192, 0, 0, 0),
        # what is recorded with the claim makes room for it
        (192, 96, 0, 96),
        # what the batch before holds is taken from the same bound
        (0, 0, 48, 144),
        (144, 0, 48, 0),
        (192, 0, 48, -48),
    ],
)
def test_two_batches_have_one_bound(count: int, in_hand: int, held_before: int, room: int) -> None:
    before = Claimed(48, 200)
    before.add(held_before)
    claimed = Claimed(48, 200, before)
    claimed.add(count)
    assert claimed.room(in_hand) == room


def test_beside_large_messages_no_more_are_claimed_than_memory_bears() -> None:
    large = Claimed(5, 20)
    large.add(5)
    assert Claimed(10, 200, large).room(0) == 15


def test_a_batch_that_has_ended_holds_nothing() -> None:
    """What it claimed and could not record is left to a take-over."""
    before = Claimed(48, 200)
    before.add(96)
    claimed = Claimed(48, 200, before)
    assert claimed.before is before
    before.end()
    assert claimed.before is None
    assert claimed.room(0) == 192


@pytest.mark.parametrize(("most", "windows", "size"), [(200, 1, 48), (200, 2, 96), (200, 4, 192), (100, 4, 96)])
def test_no_claim_is_larger_than_the_bound(most: int, windows: int, size: int) -> None:
    assert Claimed(48, most).size(windows) == size


@pytest.mark.parametrize("happens", ["settled", "ended", "window"])
def test_waiting_ends_with_whatever_makes_room(happens: str) -> None:
    async def scenario() -> None:
        before = Claimed(48, 200)
        before.add(48)
        claimed = Claimed(48, 200, before)
        through = asyncio.Event()
        window = asyncio.create_task(through.wait())
        waiting = asyncio.create_task(claimed.wait([window]))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not waiting.done()
        {"settled": lambda: before.settle(10), "ended": before.end, "window": through.set}[happens]()
        await asyncio.wait_for(waiting, 5)
        window.cancel()

    asyncio.run(scenario())
