"""Windows that are claimed, sent and recorded together, and when they are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.sink import Rule, Sink
from campaigns.models import Campaign
from delivery import launch, numbers, record, send
from delivery.claimed import Claimed
from delivery.database import AsyncConnection, Row
from delivery.engine.outcome import Outcome
from delivery.models import Batch, Email
from tests.integration.delivery.test_outcomes_kept import ACCEPTED, Letter, script

MakeCampaign = Callable[..., Campaign]
WINDOW, MOST = 48, 192


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the claims that are made. Each is checked against the bound."""
    sizes, add = list[int](), Claimed.add

    def noted(self: Claimed, count: int) -> None:
        add(self, count)
        sizes.append(count)
        assert self.count + (self.before.count if self.before else 0) <= MOST

    monkeypatch.setattr(Claimed, "add", noted)
    return sizes


def send_all(campaign: Campaign) -> None:
    """Launch and send, each lead once."""
    assert launch.launch_campaign(campaign_id=campaign.pk)
    send.send_for_a_turn(Batch.objects.earliest("pk").pk)
    found = numbers.campaign_numbers(campaign.pk)
    assert found == numbers.recount(campaign.pk)
    assert found.sent == found.audience == Email.objects.filter(status="sent").count()


async def accept(letters: Sequence[Letter]) -> list[Outcome]:
    return [ACCEPTED] * len(letters)


def test_near_a_relay_two_windows_are_claimed_together(
    make_campaign: MakeCampaign, sink: Sink, claims: list[int]
) -> None:
    send_all(make_campaign(leads=960))
    assert claims[0] == WINDOW
    assert max(claims) == 2 * WINDOW
    assert claims.count(2 * WINDOW) >= 6
    assert len(sink.accepted()) == 960


def test_far_from_a_relay_all_that_may_be_claimed_is_claimed_together(
    make_campaign: MakeCampaign, monkeypatch: pytest.MonkeyPatch, claims: list[int]
) -> None:
    async def later(letters: Sequence[Letter]) -> list[Outcome]:
        await asyncio.sleep(0.02)
        return await accept(letters)

    channel = script(monkeypatch, "Sink", later)
    channel.latency_seconds = 0.02
    recorded, real = list[tuple[int, int]](), record.RECORD_SENT_AND_CLAIM.run

    async def noted(connection: AsyncConnection, values: dict[str, Any]) -> list[Row]:
        recorded.append((values["recorded"], values["want"]))
        return await real(connection, values)

    monkeypatch.setattr(record.RECORD_SENT_AND_CLAIM, "run", noted)
    send_all(make_campaign(leads=1920))
    assert max(claims) == MOST
    assert (MOST, MOST) in recorded, "what is recorded makes room for the claim beside it"
    assert len(channel.taken) == sum(channel.taken.values()) == 1920


def test_after_a_late_answer_the_next_claim_is_one_window(
    make_campaign: MakeCampaign, monkeypatch: pytest.MonkeyPatch, claims: list[int]
) -> None:
    came, claimed_by_then = asyncio.Event(), 0

    async def late_once(letters: Sequence[Letter]) -> list[Outcome]:
        nonlocal claimed_by_then
        if claimed_by_then:
            await came.wait()
        elif len(letters) == 2 * WINDOW:
            claimed_by_then = len(claims)
            await asyncio.sleep(0.3)
            came.set()
        return await accept(letters)

    script(monkeypatch, "Sink", late_once)
    send_all(make_campaign(leads=960))
    assert claimed_by_then, "nothing was claimed together"
    behind = claims[claimed_by_then:]
    assert WINDOW in behind, "after it"
    assert 2 * WINDOW in behind[behind.index(WINDOW) :], "and it grows again"


def test_a_relay_that_always_keeps_some_waiting_gets_single_windows(
    make_campaign: MakeCampaign, sink: Sink, claims: list[int]
) -> None:
    sink.behave([Rule("RCPT", action="delay", delay_ms=300, every=WINDOW // 2)])
    send_all(make_campaign(leads=480))
    assert set(claims) == {WINDOW}


def test_what_a_limit_counts_is_claimed_window_by_window(make_campaign: MakeCampaign, claims: list[int]) -> None:
    send_all(make_campaign(leads=480, max_per_hour=100_000_000))
    assert set(claims) == {WINDOW}
