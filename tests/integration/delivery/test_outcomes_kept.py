"""Whatever fails after letters were handed over: what became of them is recorded, and none of them leaves twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.db.models.functions import Now
from redis import Redis

from bench.sink import Sink
from campaigns.models import Campaign
from delivery import collect, launch, message_sender, numbers, record, routes, runtime, send, spool, usage_book
from delivery.engine.classify import Classifier
from delivery.engine.outcome import Kind, Outcome
from delivery.letters import Letter
from delivery.models import Batch, Email, Message, PoolMember, Provider, ProviderUsage
from delivery.providers import add_provider
from delivery.record import BatchRef
from delivery.transactional import queue_message

MakeCampaign = Callable[..., Campaign]
Answer = Callable[[Sequence[Letter]], Awaitable[list[Outcome]]]
ACCEPTED = Outcome(Kind.ACCEPTED, 250, reply="queued")


class Scripted:
    """A channel whose answers the test writes; `taken` counts what it accepted."""

    latency_seconds = 0.0

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.taken: Counter[str] = Counter()

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        outcomes = await self._answer(letters)
        accepted = (letter for letter, one in zip(letters, outcomes, strict=True) if one.kind is Kind.ACCEPTED)
        self.taken.update(letter.head.to_address for letter in accepted)
        return outcomes

    def judge_by(self, classifier: Classifier) -> None:
        """Its answers are judged already."""

    async def close(self) -> None:
        """It takes its time, as one does that lets something end."""
        await asyncio.sleep(0)


def script(monkeypatch: pytest.MonkeyPatch, name: str, answer: Answer) -> Scripted:
    """Let the provider of that name answer like this."""
    channel, real = Scripted(answer), runtime.open_channel
    monkeypatch.setattr(runtime, "open_channel", lambda one: channel if one.name == name else real(one))
    return channel


def send_ready(campaign: Campaign) -> numbers.Numbers:
    Batch.objects.filter(campaign=campaign).update(not_before=Now())
    for batch_id in Batch.objects.filter(campaign=campaign, state="ready").values_list("pk", flat=True):
        send.send_batch(batch_id)
    found = numbers.campaign_numbers(campaign.pk)
    assert found == numbers.recount(campaign.pk)
    return found


def test_a_database_that_is_away_when_the_second_provider_is_asked_costs_no_outcome_of_the_first(
    make_campaign: MakeCampaign, sink: Sink, worker: runtime.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=10)
    add_provider(name="Half", url="smtp://127.0.0.1:9")
    PoolMember.objects.filter(provider__name="Sink").update(tier=2)
    # its quota must be counted in the database before it may send
    Provider.objects.filter(name="Sink").update(rate_per_day=1000)
    real = worker.read_connection

    async def away() -> Any:
        raise psycopg.OperationalError("the server closed the connection")

    async def take_half(letters: Sequence[Letter]) -> list[Outcome]:
        monkeypatch.setattr(worker, "read_connection", away)
        return [ACCEPTED] * 5 + [routes.not_attempted("the line broke")] * (len(letters) - 5)

    half = script(monkeypatch, "Half", take_half)
    assert launch.launch_campaign(campaign_id=campaign.pk)

    found = send_ready(campaign)

    assert (found.sent, found.deferred) == (5, 5)
    monkeypatch.setattr(worker, "read_connection", real)
    Provider.objects.filter(name="Half").update(state="paused")
    Email.objects.filter(status="deferred").update(due_at=Now())
    collect.collect_retries()
    assert send_ready(campaign).sent == 10
    copies = half.taken + Counter(address for address, _ in sink.accepted())
    assert len(copies) == copies.total() == 10


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Outcome(Kind.BLOCK, 554, "5.7.1", "blocked", "policy-block"), "deferred"),
        (Outcome(Kind.THROTTLE, 421, "4.7.0", "too many", "throttled-rate"), "deferred"),
        (routes.not_attempted("the line broke"), "deferred"),
        (Outcome(Kind.UNKNOWN, reply="no answer"), "unknown"),
    ],
)
def test_a_provider_that_is_paused_in_the_middle_of_a_window_still_says_what_became_of_it(
    refusal: Outcome, status: str, make_campaign: MakeCampaign, worker: runtime.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=20)
    opened: list[routes.PoolRoute] = []
    real_open = routes.open_route

    async def open_route(*arguments: Any, **named: Any) -> routes.PoolRoute:
        opened.append(await real_open(*arguments, **named))
        return opened[-1]

    async def answer(letters: Sequence[Letter]) -> list[Outcome]:
        connection = await worker.work_connection()
        await connection.execute("UPDATE delivery_provider SET state = 'paused'")
        await opened[-1].refresh(now=True)
        return [ACCEPTED] * 2 + [refusal] * (len(letters) - 2)

    monkeypatch.setattr(routes, "open_route", open_route)
    # an operator's alert names the provider
    monkeypatch.setattr(worker, "is_alarming", lambda _: True)
    script(monkeypatch, "Sink", answer)
    assert launch.launch_campaign(campaign_id=campaign.pk)

    found = send_ready(campaign)

    assert (found.sent, getattr(found, status)) == (2, 18)
    assert not Email.objects.filter(reply__contains="unforeseen").exists()


def test_a_provider_that_cannot_even_be_opened_attempts_nothing(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=10)
    broken = add_provider(name="Broken", url="smtp://127.0.0.1:9", weight=9)
    real = runtime.endpoint_of

    def endpoint_of(provider: Provider) -> Any:
        return {}["host"] if provider.pk == broken.pk else real(provider)

    monkeypatch.setattr(runtime, "endpoint_of", endpoint_of)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    assert send_ready(campaign).sent == 10
    assert len(sink.accepted()) == 10


def test_a_fault_in_one_way_of_orders_costs_nothing_of_the_others(
    worker: runtime.Runtime, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    for address in ("ada@example.com", "grace@gmail.com"):
        queue_message(to=address, subject="Order", html="<p>Yours</p>", sender="shop@shop.example")

    async def answer(letters: Sequence[Letter]) -> list[Outcome]:
        if letters[0].mailbox_group == "gmail":
            raise RuntimeError("a fault of ours")
        return [ACCEPTED] * len(letters)

    script(monkeypatch, "Sink", answer)
    assert message_sender.send_due() == 2
    found = dict(Message.objects.values_list("to_address", "status"))
    assert found == {"ada@example.com": "sent", "grace@gmail.com": "unknown"}


def test_what_could_not_be_written_takes_nothing_of_a_quota(
    make_campaign: MakeCampaign, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=10)
    Provider.objects.update(rate_per_day=1000)

    async def answer(letters: Sequence[Letter]) -> list[Outcome]:
        return [ACCEPTED] * 4 + [Outcome(Kind.RENDER_ERROR, reply="html: line 1")] * (len(letters) - 4)

    script(monkeypatch, "Sink", answer)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    assert send_ready(campaign).failed == 6
    assert redis_client.hget(f"limit:provider:{Provider.objects.get().pk}:day", "used") == "4"


def test_two_windows_that_meet_changed_settings_open_one_channel(
    worker: runtime.Runtime, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}")
    opened: list[Scripted] = []

    async def answer(letters: Sequence[Letter]) -> list[Outcome]:
        return [ACCEPTED] * len(letters)

    def open_channel(_: Provider) -> Scripted:
        opened.append(Scripted(answer))
        return opened[-1]

    monkeypatch.setattr(runtime, "open_channel", open_channel)
    worker.run(worker.channel(provider))
    provider.save()

    async def two_windows() -> list[Any]:
        return await asyncio.gather(worker.channel(provider), worker.channel(provider))

    first, second = worker.run(two_windows())
    assert first is second is opened[-1]
    assert len(opened) == 2


@pytest.mark.parametrize("kind", [Kind.CONTENT, Kind.BLOCK, Kind.UNKNOWN])
def test_half_an_emoji_in_an_answer_costs_nothing(
    kind: Kind, make_campaign: MakeCampaign, worker: runtime.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=12)
    queue_message(to="ada@example.com", subject="Order", html="<p>Yours</p>", sender="shop@shop.example")

    async def answer(letters: Sequence[Letter]) -> list[Outcome]:
        # what json.loads makes of a subject that an ESP cut in the middle of a character
        halved = Outcome(kind, 422, reply="422: Subject 'News \ud83d' is bad", rule="esp-refused")
        return [replace(ACCEPTED, esp_message_id="7\ud83d"), *[halved] * (len(letters) - 1)]

    monkeypatch.setattr(worker, "is_alarming", lambda _: True)
    script(monkeypatch, "Sink", answer)
    assert message_sender.send_due() == 1
    assert Message.objects.get().esp_message_id == "7"
    assert launch.launch_campaign(campaign_id=campaign.pk)
    assert send_ready(campaign).sent == 1
    assert Email.objects.filter(reply="422: Subject 'News ' is bad").count() == 11


def test_a_fault_while_recording_loses_no_outcome(
    make_campaign: MakeCampaign, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(leads=200)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    real, calls = record.record_first_and_claim, 0

    async def fail_once(*arguments: Any) -> record.Claimed:
        nonlocal calls
        calls += 1
        if calls == 5:  # four windows are claimed before the first is recorded
            raise RuntimeError("a fault of ours")
        return await real(*arguments)

    monkeypatch.setattr(usage_book, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(record, "record_first_and_claim", fail_once)
    with pytest.raises(RuntimeError):
        send.send_batch(Batch.objects.get().pk)
    handed_over = len(sink.accepted())
    assert handed_over > 0
    # what quotas are rebuilt from does not wait for the end of the batch
    assert sum(ProviderUsage.objects.values_list("accepted", flat=True)) > 0
    Batch.objects.update(lease_until=Now() - dt.timedelta(seconds=1))

    send.send_batch(Batch.objects.get().pk)

    found = numbers.campaign_numbers(campaign.pk)
    assert found == numbers.recount(campaign.pk)
    assert (found.sent, found.unknown, len(sink.accepted())) == (200, 0, 200)


def test_a_spool_file_that_cannot_be_replayed_stops_nobody(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = make_campaign(leads=10)
    path = spool.write(BatchRef(1, campaign.pk, "first", 1, 0), [])
    path.write_text('{"batch": {"nobody": "knows"}, "results": []}')
    assert launch.launch_campaign(campaign_id=campaign.pk)
    assert send_ready(campaign).sent == 10
    assert path.with_suffix(".unreadable").exists()
    path.with_suffix(".unreadable").unlink()
