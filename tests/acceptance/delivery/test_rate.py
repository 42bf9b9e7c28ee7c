"""One limit, four worker processes: together they send what it says, for a whole minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from bench.sink import Sink
from campaigns.models import Campaign
from campaigns.services.states import schedule_campaign
from delivery.providers import add_provider
from massmailer.embedded import postgres
from massmailer.processes.background import BackgroundStack
from massmailer.processes.options import StackOptions

from .conftest import checked, wait_for

RATE = 120
SPAN_SECONDS = 60.0


@pytest.fixture(scope="module")
def stack(django_db_setup: None, engine_urls: dict[str, str]) -> Iterator[BackgroundStack]:
    """Four bulk processes, and what they need to have work."""
    options = StackOptions(
        port=settings.WEB_PORT,
        bulk_workers=4,
        only=("worker-bulk", "worker-default", "worker-control", "beat"),
        environment={"DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}")},
    )
    with BackgroundStack(options) as running:
        yield running


def test_a_rate_is_held_within_two_percent_by_four_processes(scheduled: Callable[..., Campaign], sink: Sink) -> None:
    campaign = scheduled(leads=int(RATE * (SPAN_SECONDS + 30)))
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", rate_per_second=RATE)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: sink.stats()["messages"] > 5 * RATE, 30, "the campaign sends at its pace")
    begin, before = time.monotonic(), sink.stats()["messages"]
    wait_for(lambda: time.monotonic() - begin >= SPAN_SECONDS, SPAN_SECONDS + 5, "a minute is over")
    sent = sink.stats()["messages"] - before
    rate = sent / (time.monotonic() - begin)
    print(f"\n{sent} messages in a minute by four processes: {rate / RATE:.4f} of the limit of {RATE} a second")
    assert rate == pytest.approx(RATE, rel=0.02)
    assert checked(campaign).pending > 0
