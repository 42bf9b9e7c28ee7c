"""The database goes away in the middle of a window: what was handed over keeps its outcome and is never sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from bench.sink import Rule, Sink
from campaigns.models import Campaign
from delivery import collect, database, launch, numbers, runtime, send, sql, window
from delivery.models import Batch, Email
from delivery.providers import add_provider

MakeCampaign = Callable[..., Campaign]


def read_fails(monkeypatch: pytest.MonkeyPatch, *, at: int) -> None:
    """The n-th read of leads from now on finds no database, all others do."""
    real, calls = window._write_letters, 0

    async def read(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise psycopg.OperationalError("the server closed the connection")
        return await real(*arguments)

    monkeypatch.setattr(window, "_write_letters", read)


def send_ready(campaign: Campaign) -> None:
    Batch.objects.filter(campaign=campaign).update(not_before=Now())
    for batch_id in Batch.objects.filter(campaign=campaign, state="ready").values_list("pk", flat=True):
        send.send_batch(batch_id)


def retry(campaign: Campaign) -> None:
    Email.objects.filter(status="deferred").update(due_at=Now())
    collect.collect_retries()
    send_ready(campaign)


def assert_all_sent_once(campaign: Campaign, sink: Sink, leads: int) -> None:
    found = numbers.campaign_numbers(campaign.pk)
    assert found == numbers.recount(campaign.pk)
    assert found.sent == leads
    assert sorted(address for address, _ in sink.accepted()) == sorted(f"lead{n}@example.com" for n in range(leads))


def test_a_second_read_that_fails_costs_only_those_that_still_waited(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "FRESH_SECONDS", 0.3)
    read_fails(monkeypatch, at=2)
    sink.behave([], latency_ms=20)
    campaign = make_campaign(leads=30)
    # one slow connection: most of the window waits too long and is read anew
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", max_connections=1)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    send_ready(campaign)
    found = numbers.campaign_numbers(campaign.pk)
    assert found.sent == len(sink.accepted()) > 0
    assert found.deferred == 30 - found.sent > 0
    sink.behave([], latency_ms=0)
    retry(campaign)
    assert_all_sent_once(campaign, sink, 30)


def test_a_retry_whose_second_group_cannot_be_read_keeps_what_the_first_group_sent(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.behave([Rule("RCPT", text="451 4.3.0 try again")])
    campaign = make_campaign(leads=6)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    send_ready(campaign)
    # two groups by the last provider: half of the rows say that nobody tried them
    half = list(Email.objects.order_by("lead_id").values_list("lead_id", flat=True))[:3]
    Email.objects.filter(lead_id__in=half).update(provider_id=None)
    sink.behave([])
    read_fails(monkeypatch, at=2)
    retry(campaign)
    assert (numbers.campaign_numbers(campaign.pk).sent, len(sink.accepted())) == (3, 3)
    retry(campaign)
    assert_all_sent_once(campaign, sink, 6)


def test_a_worker_that_freezes_inside_a_transaction_loses_its_locks_with_its_lease(
    make_campaign: MakeCampaign, worker: runtime.Runtime, sink: Sink, settings: Any
) -> None:
    settings.LEASE_SECONDS = 0.5
    campaign = make_campaign(leads=6)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    (batch_id,) = Batch.objects.filter(campaign=campaign).values_list("pk", flat=True)

    async def freeze_and_wake() -> None:
        frozen = await database.connect(application_name="frozen")
        async with frozen.transaction():
            await frozen.execute(sql.LOCK_BATCH, {"batch": batch_id})
            # meanwhile the batch goes to somebody else
            await asyncio.to_thread(wait_until_takeable)
            await frozen.execute("SELECT 1")

    def wait_until_takeable() -> None:
        until = time.monotonic() + 10
        while not is_free():
            assert time.monotonic() < until, "the lock is still held"
        connection.close()

    def is_free() -> bool:
        with transaction.atomic():
            return Batch.objects.filter(pk=batch_id).select_for_update(skip_locked=True).exists()

    with pytest.raises(database.DatabaseAway):
        worker.run(freeze_and_wake())
    send_ready(campaign)
    assert_all_sent_once(campaign, sink, 6)


def test_django_does_not_hold_locks_for_ever_either() -> None:
    assert "idle_in_transaction_session_timeout" in connection.settings_dict["OPTIONS"]["options"]
