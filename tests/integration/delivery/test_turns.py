"""A task of the bulk worker sends for a turn: its own batch, then the most urgent one, again and again."""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now
from pytest_django import Settings

from bench.sink import Sink
from campaigns.models import Campaign
from delivery import directory, launch, lease, numbers, send, stop
from delivery.claimed import Claimed
from delivery.database import AsyncConnection
from delivery.models import Batch, ProviderUsage
from delivery.runtime import Runtime
from tests.integration.delivery.test_sweep import waiting_campaign

MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def three_batches(make_campaign: MakeCampaign, settings: Settings) -> list[int]:
    """The ids of three batches of ten leads, launched; nobody was woken for any of them."""
    settings.BATCH_SIZE = 10
    campaign = make_campaign()
    assert launch.launch_campaign(campaign_id=campaign.pk)
    Batch.objects.update(published_at=None, publish_count=0)
    return list(Batch.objects.order_by("pk").values_list("pk", flat=True))


def states() -> list[str]:
    return list(Batch.objects.order_by("pk").values_list("state", flat=True))


def take_next(worker: Runtime) -> lease.Lease | None:
    async def take() -> lease.Lease | None:
        return await lease.take(await worker.work_connection(), None, random.Random(1))

    return worker.run(take())


def test_a_turn_goes_on_with_what_is_due(three_batches: list[int], sink: Sink) -> None:
    assert send.send_for_a_turn(three_batches[0]) == 30
    assert states() == ["done"] * 3
    assert len({address for address, _ in sink.accepted()}) == len(sink.accepted()) == 30
    campaign_id = Batch.objects.values_list("campaign", flat=True)[0]
    assert numbers.campaign_numbers(campaign_id) == numbers.recount(campaign_id)


def test_providers_are_read_once_a_turn_and_what_left_is_counted_at_its_end(
    three_batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, times = directory.read, []

    async def counted(connection: AsyncConnection) -> directory.Directory:
        times.append(1)
        return await read(connection)

    monkeypatch.setattr(directory, "read", counted)
    assert send.send_for_a_turn(three_batches[0]) == 30
    assert len(times) == 1
    assert ProviderUsage.objects.aggregate(sent=Sum("accepted")) == {"sent": 30}


def test_a_directory_that_is_too_old_is_read_again_within_a_turn(
    worker: Runtime, three_batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = lease.take

    async def pause(connection: AsyncConnection, batch_id: int | None, rng: random.Random) -> lease.Lease | None:
        if worker.directory is not None:
            worker.directory = worker.directory[0], worker.directory[1] - directory.REFRESH_SECONDS
            await connection.execute("UPDATE delivery_provider SET state = 'paused'")
        return await take(connection, batch_id, rng)

    monkeypatch.setattr(lease, "take", pause)
    assert send.send_for_a_turn(three_batches[0]) == 10
    assert states() == ["done", "ready", "ready"]


def test_garbage_waits_for_the_end_of_a_turn(three_batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    take, seen = lease.take, []

    async def looked_at(*arguments: Any) -> lease.Lease | None:
        seen.append(gc.isenabled())
        return await take(*arguments)

    monkeypatch.setattr(lease, "take", looked_at)
    assert send.send_for_a_turn(three_batches[0]) == 30
    assert set(seen) == {False}
    assert gc.isenabled()


def test_a_turn_ends_when_its_time_is_over(three_batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "TURN_SECONDS", 0.0)
    assert send.send_for_a_turn(three_batches[0]) == 10
    assert states() == ["done", "ready", "ready"]


def test_a_turn_ends_when_the_worker_stops(three_batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Told while the first batch is on its way: its windows are seen to their end, and no other batch is begun."""
    claims, add = list[int](), Claimed.add
    monkeypatch.setattr(Claimed, "add", lambda self, count: (claims.append(count), add(self, count)))
    monkeypatch.setattr(stop, "is_stopping", lambda: bool(claims))
    assert send.send_for_a_turn(three_batches[0]) == 10
    assert states() == ["done", "ready", "ready"]


def test_of_equals_the_one_that_somebody_was_woken_for_comes_last(three_batches: list[int], worker: Runtime) -> None:
    Batch.objects.filter(pk=three_batches[0]).update(published_at=Now(), publish_count=1)
    taken = [take_next(worker) for _ in range(4)]
    assert [one and one.ref.batch_id for one in taken] == [*three_batches[1:], three_batches[0], None]


def test_an_urgent_batch_does_not_wait_for_its_wake_up(three_batches: list[int], worker: Runtime) -> None:
    """All of the urgent campaign waits in the broker's queue, behind children in the middle of their turns."""
    urgent = waiting_campaign(9, batches=2)
    Batch.objects.filter(campaign=urgent).update(published_at=Now(), publish_count=1)
    taken = [take_next(worker) for _ in range(3)]
    assert [one and one.ref.campaign_id for one in taken[:2]] == [urgent.pk] * 2
    assert [one and one.ref.batch_id for one in taken[2:]] == three_batches[:1]


def test_who_is_woken_for_a_batch_that_was_taken_takes_the_next(three_batches: list[int], sink: Sink) -> None:
    Batch.objects.filter(pk=three_batches[0]).update(state="done")
    assert send.send_for_a_turn(three_batches[0]) == 20
    assert states() == ["done"] * 3
    assert len(sink.accepted()) == 20


def test_who_has_nothing_left_takes_nothing(three_batches: list[int]) -> None:
    Batch.objects.update(not_before="2999-01-01T00:00:00Z")
    assert send.send_batch(None) == 0
    Batch.objects.update(not_before=Now())
    Campaign.objects.update(state=Campaign.State.PAUSED)
    assert send.send_batch(None) == 0
    assert states() == ["ready"] * 3


def test_the_most_urgent_is_taken_and_equals_get_equal_parts(worker: Runtime) -> None:
    calm = waiting_campaign(0, batches=2)
    first, second = waiting_campaign(9, batches=20), waiting_campaign(9, batches=20)
    taken = [take_next(worker) for _ in range(20)]
    owners = Counter(one.ref.campaign_id for one in taken if one)
    assert set(owners) == {first.pk, second.pk}, "one of two equals was starved, or an urgent one was passed over"
    rest = [take_next(worker) for _ in range(23)]
    assert [one.ref.campaign_id for one in rest[20:22] if one] == [calm.pk] * 2
    assert rest[22] is None


def test_two_who_ask_at_once_get_different_batches(three_batches: list[int], worker: Runtime) -> None:
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT FROM delivery_batch WHERE id = %s FOR UPDATE", [three_batches[0]])
        taken = take_next(worker)
    assert taken is not None
    assert taken.ref.batch_id == three_batches[1]


def test_a_batch_whose_worker_was_lost_is_taken_over_with_its_unknowns(three_batches: list[int], sink: Sink) -> None:
    Batch.objects.filter(pk=three_batches[0]).update(
        state="leased", lease_token="0" * 32, lease_until="2020-01-01T00:00:00Z", cursor=4
    )
    # what its worker had claimed is marked, the rest is sent
    assert send.send_batch(None) == 6
    found = numbers.campaign_numbers(Batch.objects.values_list("campaign", flat=True)[0])
    assert (found.unknown, found.sent) == (4, 6)
    assert len(sink.accepted()) == 6
