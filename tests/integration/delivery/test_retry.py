"""What happens after a first try failed, a worker was lost, or a campaign was cancelled: the fences hold."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from delivery import collect, launch, numbers, record, retry_policies, runtime, send, spool, sweep
from delivery.engine.outcome import Kind, Outcome
from delivery.models import Batch, Email, Pool, PoolMember, RetryPolicy
from delivery.providers import add_provider
from delivery.window import Result

MakeCampaign = Callable[..., Campaign]
TEMPORARY = Rule("RCPT", text="451 4.3.0 try again")


def first_pass(campaign: Campaign) -> None:
    assert launch.launch_campaign(campaign_id=campaign.pk)
    send_ready(campaign)


def send_ready(campaign: Campaign) -> None:
    for batch_id in Batch.objects.filter(campaign=campaign, state="ready").values_list("pk", flat=True):
        send.send_batch(batch_id)


def make_due() -> None:
    Email.objects.filter(status="deferred").update(due_at=Now())


def retry(campaign: Campaign) -> int:
    make_due()
    collected = collect.collect_retries()
    send_ready(campaign)
    return collected


def checked(campaign: Campaign) -> numbers.Numbers:
    found = numbers.campaign_numbers(campaign.pk)
    assert found.adds_up
    assert found == numbers.recount(campaign.pk)
    return found


def test_a_temporary_failure_is_sent_by_a_retry(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", "lead1@*", text="451 4.3.0 try again")])
    campaign = make_campaign(leads=6)
    first_pass(campaign)
    assert (checked(campaign).deferred, checked(campaign).sent) == (1, 5)
    sink.behave([])
    assert retry(campaign) == 1
    found = checked(campaign)
    assert (found.deferred, found.sent) == (0, 6)
    row = Email.objects.get(lead_id=Lead.objects.get(email="lead1@example.com").pk)
    assert (row.attempt, row.tries, row.status) == (2, 2, "sent")
    assert len(sink.accepted()) == 6


def test_a_campaign_follows_the_policy_that_an_operator_set(make_campaign: MakeCampaign, sink: Sink) -> None:
    RetryPolicy.objects.create(stream="marketing", transient_minutes=[1])
    retry_policies.forget()
    try:
        sink.behave([TEMPORARY])
        campaign = make_campaign(leads=3)
        first_pass(campaign)
        waits = [row.due_at - row.at for row in Email.objects.all() if row.due_at]
        assert all(timedelta(seconds=30) <= wait <= timedelta(minutes=1) for wait in waits)
        assert len(waits) == 3
        # one wait stands in the policy, so the second failure is the last
        assert retry(campaign) == 3
        assert (checked(campaign).dead, checked(campaign).deferred) == (3, 0)
    finally:
        retry_policies.forget()


def test_what_is_not_due_is_not_collected(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([TEMPORARY])
    campaign = make_campaign(leads=3)
    first_pass(campaign)
    assert collect.collect_retries() == 0
    make_due()
    assert collect.collect_retries() == 3
    assert collect.collect_retries() == 0


def test_three_retries_then_dead(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([TEMPORARY])
    campaign = make_campaign(leads=4)
    first_pass(campaign)
    assert [retry(campaign) for _ in range(4)] == [4, 4, 4, 0]
    found = checked(campaign)
    assert (found.dead, found.deferred) == (4, 0)
    assert set(Email.objects.values_list("tries", flat=True)) == {4}


def test_a_retry_prefers_another_provider(make_campaign: MakeCampaign, sink: Sink) -> None:
    with Sink() as other:
        campaign = make_campaign(leads=4)
        sink.behave([TEMPORARY])
        first_pass(campaign)
        add_provider(name="Other", url=f"smtp://127.0.0.1:{other.port}")
        retry(campaign)
        assert len(other.accepted()) == 4
    assert checked(campaign).sent == 4


def test_a_retry_that_is_taken_over_becomes_unknown(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([TEMPORARY])
    campaign = make_campaign(leads=4)
    first_pass(campaign)
    make_due()
    collect.collect_retries()
    batch = Batch.objects.get(kind="retry")
    Batch.objects.filter(pk=batch.pk).update(
        state="leased", lease_token=uuid.uuid4(), lease_until="2020-01-01T00:00:00Z", cursor=3
    )
    sink.behave([])
    send.send_batch(batch.pk)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.deferred) == (3, 1, 0)
    assert set(Email.objects.values_list("attempt", flat=True)) == {2}


def test_a_late_outcome_replaces_the_unknown_of_its_attempt_and_nothing_else(
    make_campaign: MakeCampaign, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=2)
    launch.launch_campaign(campaign_id=campaign.pk)
    batch = Batch.objects.get()
    Batch.objects.update(state="leased", lease_token=uuid.uuid4(), lease_until="2020-01-01T00:00:00Z", cursor=2)
    send.send_batch(batch.pk)
    assert checked(campaign).unknown == 2
    ref = record.BatchRef(batch.pk, campaign.pk, "first", 1, 0)
    late = [Result(batch.lead_ids[0], Outcome(Kind.ACCEPTED, 250)), Result(batch.lead_ids[1], Outcome(Kind.HARD, 550))]
    for _ in range(2):
        settle(worker, ref, late)
    found = checked(campaign)
    assert (found.unknown, found.sent, found.bounced) == (0, 1, 1)
    # an outcome of an attempt that others have settled changes nothing
    settle(worker, ref, [Result(batch.lead_ids[0], Outcome(Kind.TRANSIENT, 451))])
    assert checked(campaign).sent == 1


def settle(worker: runtime.Runtime, ref: record.BatchRef, results: list[Result]) -> None:
    async def work() -> None:
        await record.settle_rows(await worker.work_connection(), ref, results, random.Random(1))

    worker.run(work())


def test_a_fenced_worker_cannot_claim(make_campaign: MakeCampaign, worker: runtime.Runtime) -> None:
    campaign = make_campaign(leads=5)
    launch.launch_campaign(campaign_id=campaign.pk)
    batch = Batch.objects.get()
    Batch.objects.update(state="leased", lease_token=uuid.uuid4(), lease_until=Now())
    ref = record.BatchRef(batch.pk, campaign.pk, "first", 1, 0)

    async def claim() -> None:
        counts = record.tally([])
        await record.claim(await worker.work_connection(), ref, uuid.uuid4(), 0, 5, 0, counts)

    with pytest.raises(record.LeaseLost):
        worker.run(claim())
    assert Batch.objects.get().cursor == 0


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_without_an_answer_loses_nothing_and_doubles_nothing(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    real, calls = record.record_first_and_claim, 0

    async def cut_off(*args: object) -> record.Claimed:
        nonlocal calls
        calls += 1
        if calls != 2:
            return await real(*args)  # type: ignore[arg-type]
        if committed:
            await real(*args)  # type: ignore[arg-type]
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(record, "record_first_and_claim", cut_off)
    campaign = make_campaign(leads=120)
    first_pass(campaign)
    send_ready(campaign)
    found = checked(campaign)
    assert found.pending == 0
    accepted = [address for address, _ in sink.accepted()]
    assert len(accepted) == len(set(accepted)) == found.sent
    # the window whose claim got no answer is given up: claimed in the database, never sent
    assert (0 < found.unknown <= 60) if committed else found.unknown == 0


def test_deferred_rows_of_a_cancelled_campaign_are_skipped(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([TEMPORARY])
    campaign = make_campaign(leads=4)
    first_pass(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.CANCELLED)
    numbers.refresh_counters()
    assert sweep.settle_cancelled() == 1
    found = checked(campaign)
    assert (found.deferred, found.skipped) == (0, 4)


def test_outcomes_of_a_worker_that_had_to_leave_are_replayed(
    make_campaign: MakeCampaign, sink: Sink, worker: runtime.Runtime
) -> None:
    campaign = make_campaign(leads=3)
    launch.launch_campaign(campaign_id=campaign.pk)
    batch = Batch.objects.get()
    Batch.objects.update(cursor=2)
    ref = record.BatchRef(batch.pk, campaign.pk, "first", 1, 0)
    results = [
        Result(batch.lead_ids[0], Outcome(Kind.ACCEPTED, 250, reply="ok"), 1, b"12345678", "a@example.com"),
        Result(batch.lead_ids[1], Outcome(Kind.HARD, 550, "5.1.1", "no"), 1, None, "b@example.com"),
    ]
    path = spool.write(ref, results)
    assert spool.read(path) == (ref, results)
    send.send_batch(batch.pk)
    assert not spool.waiting()
    found = checked(campaign)
    assert (found.sent, found.bounced, found.unknown) == (2, 1, 0)


def test_a_rate_limit_slows_a_batch_down(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=45)
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", rate_per_second=30)
    started = time.monotonic()
    first_pass(campaign)
    assert checked(campaign).sent == 45
    assert time.monotonic() - started > 1.2


def test_a_slow_rate_gives_the_worker_back(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=5)
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", rate_per_second=0.1)
    first_pass(campaign)
    batch = Batch.objects.get()
    assert batch.state == "ready"
    with connection.cursor() as cursor:
        cursor.execute("SELECT not_before > now() + interval '3 seconds' FROM delivery_batch")
        assert cursor.fetchone() == (True,)
    assert checked(campaign).pending == 5


def test_a_pool_without_providers_keeps_the_batch_waiting(make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(leads=5)
    PoolMember.objects.all().delete()
    assert Pool.objects.exists()
    first_pass(campaign)
    found = checked(campaign)
    assert (found.pending, found.deferred) == (5, 0)
