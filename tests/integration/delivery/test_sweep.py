"""The sweeper: which batches are woken first, and providers that have drained."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from django.db.models.functions import Now
from pytest_django import Settings
from redis import Redis

from campaigns.models import Campaign
from delivery import provider_events, sweep
from delivery.models import Batch, Provider, ProviderUsage
from delivery.providers import add_provider
from tests.people import a_campaign

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_provider_that_drains_is_paused_when_nothing_can_be_under_way(settings: Settings) -> None:
    provider = add_provider(name="Relay", url="smtp://127.0.0.1:2525")
    assert provider.move(Provider.State.DRAINING)
    assert not provider.move(Provider.State.DRAINING)
    assert sweep.pause_drained() == 0
    Provider.objects.update(state_changed_at=Now() - dt.timedelta(seconds=settings.LEASE_SECONDS + 4))
    assert sweep.pause_drained() == 1
    provider.refresh_from_db()
    assert provider.state == Provider.State.PAUSED


def waiting_campaign(priority: int, *, batches: int = 3, waited: dt.timedelta = dt.timedelta()) -> Campaign:
    """A campaign that sends, with batches of one lead each that nobody has begun."""
    campaign = a_campaign(state="sending", priority=priority)
    for number in range(1, batches + 1):
        batch = Batch.objects.create(campaign=campaign, seq=number, lead_ids=[number], size=1, priority=priority)
        Batch.objects.filter(pk=batch.pk).update(not_before=Now() - waited)
    return campaign


def woken(redis_client: Redis) -> list[int]:
    """Campaigns of the batches that were published, in the order in which a worker takes them."""
    found = [json.loads(base64.b64decode(json.loads(one)["body"])) for one in redis_client.lrange("bulk", 0, -1)]
    owners = dict(Batch.objects.values_list("pk", "campaign_id"))
    # the transport pushes to the left and workers take from the right
    return [owners[arguments[0]] for arguments, _, _ in reversed(found)]


def test_nine_is_the_most_urgent_and_campaigns_of_one_priority_take_turns(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "AHEAD", 8)
    calm, first, second = waiting_campaign(0), waiting_campaign(9), waiting_campaign(9)
    assert sweep.publish_batches() == 8
    order = woken(redis_client)
    assert order[:6] in ([first.pk, second.pk] * 3, [second.pk, first.pk] * 3)
    assert set(order[6:]) == {calm.pk}


def test_who_waits_long_enough_is_not_overtaken_for_ever(redis_client: Redis) -> None:
    urgent = waiting_campaign(9, batches=1)
    patient = waiting_campaign(0, batches=1, waited=dt.timedelta(hours=2))
    sweep.publish_batches()
    assert woken(redis_client) == [patient.pk, urgent.pk]


def test_old_counts_of_providers_are_forgotten() -> None:
    provider = add_provider(name="Relay", url="smtp://127.0.0.1:2525")
    now = dt.datetime.now(dt.UTC)
    for days in (1, 399, 401):
        hour = now - dt.timedelta(days=days)
        ProviderUsage.objects.create(provider=provider, mailbox_group="other", hour=hour, accepted=days)
    assert provider_events.trim() == 1
    assert set(ProviderUsage.objects.values_list("accepted", flat=True)) == {1, 399}
