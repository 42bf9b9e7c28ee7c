"""Real workers, a server that knows a third of nobody: the campaign stops itself early, and a person lets it go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.urls import reverse

from bench.sink import Rule, Sink
from campaigns.models import Campaign
from campaigns.services.states import schedule_campaign
from delivery.models import Alert
from delivery.providers import add_provider
from massmailer.embedded import postgres
from massmailer.processes.background import BackgroundStack
from massmailer.processes.options import StackOptions
from tests.people import boss

from .conftest import checked, wait_for, wait_until_over

LEADS = 3000


@pytest.fixture(scope="module")
def stack(django_db_setup: None, engine_urls: dict[str, str]) -> Iterator[BackgroundStack]:
    """Two bulk processes, and what they need to have work."""
    options = StackOptions(
        port=settings.WEB_PORT,
        bulk_workers=2,
        only=("worker-bulk", "worker-default", "worker-control", "beat"),
        environment={"DATABASE_URL": postgres.url(f"test_{postgres.DATABASE}")},
    )
    with BackgroundStack(options) as running:
        yield running


def test_a_bad_list_stops_itself_early(scheduled: Callable[..., Campaign], sink: Sink) -> None:
    sink.behave([Rule("RCPT", text="550 5.1.1 no such user", probability=0.3)])
    campaign = scheduled(leads=LEADS)
    # slow enough that what leaves between two looks is little
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", rate_per_second=150)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).state == "paused", 30, "the campaign pauses itself")
    stopped = checked(campaign)
    assert stopped.pending > LEADS * 0.6, stopped
    campaign.refresh_from_db()
    assert "e-mails bounced" in campaign.state_reason
    assert Alert.objects.get(key__startswith="guardrail:").link.endswith(f"/{campaign.pk}/change/")

    sink.behave([])
    add_provider(name="Sink", url=f"smtp://127.0.0.1:{sink.port}", rate_per_second=5000)
    page = boss()
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    assert "Paused by a guardrail" in page.get(address).content.decode()
    resume = reverse("admin:campaigns_campaign_resume", args=[campaign.pk])
    assert page.post(resume, {"_form_submitted": "1"}, headers={"hx-request": "true"}).status_code < 400
    over = wait_until_over(campaign)
    assert over.state in ("sending", "sent")
    assert over.sent >= stopped.pending
    assert over.audience == over.sent + over.bounced
