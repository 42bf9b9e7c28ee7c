"""Two batches of one child at a time: the next begins while the last windows of one are on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from delivery import collect, launch, numbers, record, send
from delivery.claimed import Claimed
from delivery.engine.outcome import Kind, Outcome
from delivery.models import Batch, Email, SendingDomain
from delivery.runtime import Runtime
from tests.integration.delivery.test_outcomes_kept import Letter, script
from tests.integration.delivery.test_routes import UNAUTHENTICATED

MakeCampaign = Callable[..., Campaign]
ACCEPTED = Outcome(Kind.ACCEPTED, 250, reply="ok")
DEADLINE_SECONDS = 20
# time for more to come
LINGER_SECONDS = 0.2


@pytest.fixture
def batches(make_campaign: MakeCampaign, settings: Settings) -> list[int]:
    """The ids of three batches of twenty leads, launched; nobody was woken for any of them. Windows have five leads."""
    settings.BATCH_SIZE, settings.WINDOW_SIZE, settings.CLAIMED_LIMIT = 20, 5, 10
    assert launch.launch_campaign(campaign_id=make_campaign(leads=60).pk)
    Batch.objects.update(published_at=None, publish_count=0)
    return list(Batch.objects.order_by("pk").values_list("pk", flat=True))


def addresses(batch_id: int) -> set[str]:
    lead_ids = Batch.objects.get(pk=batch_id).lead_ids
    return set(Lead.objects.filter(pk__in=lead_ids).values_list("email", flat=True))


def check_all_sent(count: int) -> None:
    (campaign_id,) = Batch.objects.values_list("campaign", flat=True).distinct()
    found = numbers.campaign_numbers(campaign_id)
    assert found == numbers.recount(campaign_id)
    assert (found.sent, found.unknown) == (count, 0)


class Relay:
    """Answers the last window of the first batch a while after a message of another batch has come, not before."""

    def __init__(self, first: set[str]) -> None:
        self.arrived: list[str] = []
        self._first = first
        self._another = asyncio.Event()

    async def answer(self, letters: Sequence[Letter]) -> list[Outcome]:
        come = [letter.head.to_address for letter in letters]
        self.arrived += come
        if not self._first.issuperset(come):
            self._another.set()
        elif self._first <= set(self.arrived):
            await asyncio.wait_for(self._another.wait(), DEADLINE_SECONDS)
            await asyncio.sleep(LINGER_SECONDS)
        return [ACCEPTED] * len(letters)


def test_the_next_batch_begins_while_one_waits_for_its_last_answers(
    batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(addresses(batches[0]))
    script(monkeypatch, "Sink", relay.answer)
    assert send.send_for_a_turn(batches[0]) == 60
    assert len(relay.arrived) == len(set(relay.arrived)) == 60
    assert set(Batch.objects.values_list("state", flat=True)) == {"done"}
    check_all_sent(60)


def test_both_together_keep_the_bound_on_unknowns(batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[int, int]] = []
    add = Claimed.add

    def noted(self: Claimed, count: int) -> None:
        add(self, count)
        held.append((self.count, self.before.count if self.before else 0))

    monkeypatch.setattr(Claimed, "add", noted)
    script(monkeypatch, "Sink", Relay(addresses(batches[0])).answer)
    assert send.send_for_a_turn(batches[0]) == 60
    assert max(own + before for own, before in held) == 10
    assert any(own and before for own, before in held), "they never overlapped"


def test_a_batch_that_cannot_begin_leaves_the_one_before_whole(
    batches: list[int], worker: Runtime, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, begun = worker.briefings.read, list[int]()

    def failing(*given: Any) -> Any:
        begun.append(1)
        if len(begun) > 1:
            raise RuntimeError("a fault of ours")
        return read(*given)

    monkeypatch.setattr(worker.briefings, "read", failing)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        send.send_for_a_turn(batches[0])
    assert sorted(Batch.objects.values_list("state", flat=True)) == ["done", "ready", "ready"]
    assert len(sink.accepted()) == 20
    check_all_sent(20)


def test_a_fault_in_one_batch_is_no_fault_of_the_next(batches: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sent is kept in a file, the next one is sent to its end, and then the fault is told."""
    real = record.record_first_and_claim

    async def failing(connection: Any, ref: Any, token: Any, cursor: int, *given: Any) -> Any:
        if ref.batch_id == batches[0] and cursor == 20:
            raise RuntimeError("a fault of ours")
        return await real(connection, ref, token, cursor, *given)

    monkeypatch.setattr(record, "record_first_and_claim", failing)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        send.send_for_a_turn(batches[0])
    monkeypatch.undo()
    assert "done" in Batch.objects.exclude(pk=batches[0]).values_list("state", flat=True)
    # the next batch of this machine records what the file holds
    Batch.objects.filter(pk=batches[0]).update(state="leased", lease_until="2020-01-01T00:00:00Z")
    for batch_id in batches:
        send.send_batch(batch_id)
    check_all_sent(60)


def test_nothing_is_claimed_within_the_transaction_of_another_batch(
    batches: list[int], sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a claim would not be committed when its messages leave: a crash then would send them twice."""
    sink.behave([Rule("RCPT", text="451 4.3.0 try again later")])
    send.send_batch(batches[0])
    sink.behave([])
    Email.objects.update(due_at="2020-01-01T00:00:00Z")
    assert collect.collect_retries() == 20
    retry, settle, sent_too_early = Batch.objects.get(kind="retry"), record._settle, list[str]()
    others = addresses(batches[1]) | addresses(batches[2])

    async def slow(*given: Any) -> Any:
        settled = await settle(*given)
        await asyncio.sleep(0.1)
        with psycopg.connect(**connection.get_connection_params()) as other:
            row = other.execute("SELECT sum(cursor) FROM delivery_batch WHERE id = ANY(%s)", [batches[1:]]).fetchone()
        left = sum(address in others for address, _ in sink.accepted())
        if row is None or left > row[0]:
            sent_too_early.append(f"{left} sent, {row} claimed")
        return settled

    monkeypatch.setattr(record, "_settle", slow)
    monkeypatch.setattr(send, "TURN_SECONDS", 30.0)
    assert send.send_for_a_turn(retry.pk) == 60
    assert not sent_too_early
    check_all_sent(60)


def test_a_domain_that_one_batch_had_to_pause_sends_no_other(
    make_campaign: MakeCampaign, sink: Sink, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "TURN_SECONDS", 30.0)
    settings.WINDOW_SIZE = settings.CLAIMED_LIMIT = 30
    campaign = make_campaign(leads=90)
    for lead in Lead.objects.order_by("-pk")[:30]:
        Lead.objects.filter(pk=lead.pk).update(email=f"lead{lead.pk}@gmail.com", mailbox_group="gmail")
    sink.behave([Rule("RCPT", pattern="*@example.com", text=UNAUTHENTICATED)])
    assert launch.launch_campaign(campaign_id=campaign.pk)
    Batch.objects.update(published_at=None, publish_count=0)
    refused, other = (Batch.objects.get(mailbox_group=group) for group in ("other", "gmail"))
    send.send_for_a_turn(refused.pk)
    assert SendingDomain.objects.get().paused_until is not None
    other.refresh_from_db()
    assert other.cursor == 0
