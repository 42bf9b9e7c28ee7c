"""Breakdowns while things happen: real sending with retries, and changes at the same moment as the counting."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, transaction

from bench.sink import Rule, Sink
from campaigns.models import Campaign
from delivery import launch, sweep
from delivery.dead import change as dead_change
from delivery.dead.rows import Key, Source
from delivery.models import Batch, DeadDecision
from delivery.numbers import refresh_counters
from tests.integration.delivery.conftest import make_campaign, sink, worker  # noqa: F401 (fixtures)
from tests.integration.delivery.ledger_house import sent_campaign
from tests.integration.delivery.test_retry import retry, send_ready
from tests.integration.tracking.conftest import forget_partitioned_rows
from tests.integration.tracking.test_rollups import assert_adds_up, leads_of
from tracking import dimensions
from tracking.models import Breakdown
from tracking.occurrence import happened
from tracking.record import record
from tracking.roll import roll_up


@pytest.fixture(autouse=True)
def leave_no_rows(transactional_db: None) -> Iterator[None]:
    yield
    forget_partitioned_rows()


def settle(campaign: Campaign) -> None:
    """Count everything, and let the campaign's row say what its batches say."""
    while roll_up(seconds=5).batches:
        pass
    refresh_counters(campaign_ids=[campaign.pk])


def test_real_sending_with_retries_adds_up_at_every_step(
    make_campaign: Callable[..., Campaign],  # noqa: F811
    sink: Sink,  # noqa: F811
) -> None:
    dimensions.forget()
    sink.behave(
        [Rule("RCPT", "lead1@*", text="451 4.3.0 try again"), Rule("RCPT", "lead2@*", text="550 5.1.1 No such user")]
    )
    campaign = make_campaign(leads=12)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    roll_up(seconds=5)
    send_ready(campaign)
    settle(campaign)
    assert_adds_up(campaign)
    reasons = dict(Breakdown.objects.filter(campaign_id=campaign.pk, dimension="reason").values_list("value", "sent"))
    assert reasons == {"": 10, "451 4.3.0": 0, "550 5.1.1": 0}
    sink.behave([])
    assert retry(campaign) == 1
    settle(campaign)
    assert_adds_up(campaign)
    assert Breakdown.objects.get(campaign_id=campaign.pk, dimension="variant").deferred == 0


def test_a_cancelled_campaign_adds_up(make_campaign: Callable[..., Campaign], sink: Sink) -> None:  # noqa: F811
    dimensions.forget()
    sink.behave([Rule("RCPT", "lead1@*", text="451 4.3.0 try again")])
    campaign = make_campaign(leads=5)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    send_ready(campaign)
    settle(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(state="cancelled")
    sweep.sweep()
    settle(campaign)
    assert_adds_up(campaign)


@pytest.mark.django_db(transaction=True)
def test_what_changes_while_it_is_counted_is_counted_once() -> None:
    dimensions.forget()
    campaign = sent_campaign(["sent"] * 200 + ["dead"] * 200)
    leads = leads_of(campaign)
    size = 40
    whole = Batch.objects.get(campaign=campaign)
    Batch.objects.bulk_create(
        Batch(
            campaign=campaign, seq=number + 2, lead_ids=leads[start : start + size], size=size, cursor=size,
            recorded=size, state="leased", sent=size if start < 200 else 0, dead=0 if start < 200 else size,
        )
        for number, start in enumerate(range(0, 400, size))
    )  # fmt: skip
    whole.delete()
    stop, faults = threading.Event(), []

    def watched(work: Callable[[random.Random], None], seed: int) -> threading.Thread:
        def run() -> None:
            rng = random.Random(seed)
            try:
                while not stop.is_set():
                    work(rng)
            except Exception as error:
                faults.append(error)
                raise
            finally:
                connection.close()

        return threading.Thread(target=run)

    def open_some(rng: random.Random) -> None:
        now = dt.datetime.now(dt.UTC)
        chosen = rng.sample(leads[:200], 10)
        with transaction.atomic():
            record([happened("open", at=now, campaign_id=campaign.pk, lead_id=lead) for lead in chosen])

    def decide(rng: random.Random) -> None:
        action = rng.choice([DeadDecision.Action.REQUEUE, DeadDecision.Action.DISCARD])
        dead_change.change(Source.EMAILS, action, [Key(campaign.pk, lead) for lead in rng.sample(leads[200:], 3)])

    threads = [watched(open_some, 1), watched(open_some, 2), watched(decide, 3)]
    for thread in threads:
        thread.start()
    try:
        for batch in Batch.objects.filter(campaign=campaign).order_by("id"):
            roll_up(seconds=0)
            Batch.objects.filter(pk=batch.pk).update(state="done")
            roll_up(seconds=0)
        deadline = time.monotonic() + 20
        while Breakdown.objects.get(campaign_id=campaign.pk, dimension="variant").opened < 100:
            assert time.monotonic() < deadline
            roll_up(seconds=0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not faults
    settle(campaign)
    assert_adds_up(campaign)
