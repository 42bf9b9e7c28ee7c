"""The sweeper: which batches are woken first, and providers that have drained."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
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


def tasks_in(redis_client: Redis, queue: str) -> list[str]:
    return [json.loads(one)["headers"]["task"] for one in redis_client.lrange(queue, 0, -1)]


def test_send_now_wakes_its_launch_at_once_and_later_wakes_nobody(redis_client: Redis) -> None:
    now, later = a_campaign(state="draft"), a_campaign(state="draft")
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert Campaign.objects.move(pk=later.pk, to="scheduled", allowed_from=("draft",), scheduled_at=tomorrow)
    assert tasks_in(redis_client, "default") == []
    assert Campaign.objects.move(pk=now.pk, to="scheduled", allowed_from=("draft",), scheduled_at=Now())
    assert tasks_in(redis_client, "default") == ["delivery.launch_campaign"]
    # the sweeper does not wake it again while that may be under way
    assert sweep.publish_launches() == 0


def test_a_campaign_that_goes_on_wakes_its_batches_at_once(redis_client: Redis) -> None:
    campaign = waiting_campaign(5, batches=2)
    assert Campaign.objects.move(pk=campaign.pk, to="paused", allowed_from=("sending",))
    assert woken(redis_client) == []
    assert Campaign.objects.move(pk=campaign.pk, to="sending", allowed_from=("paused",))
    assert woken(redis_client) == [campaign.pk] * 2


def test_a_change_that_is_taken_back_wakes_nobody(redis_client: Redis) -> None:
    campaign = a_campaign(state="draft")
    with transaction.atomic():
        assert Campaign.objects.move(pk=campaign.pk, to="scheduled", allowed_from=("draft",), scheduled_at=Now())
        transaction.set_rollback(True)
    assert tasks_in(redis_client, "default") == []


def test_without_a_broker_the_state_changes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("the broker is away")

    campaign = waiting_campaign(5, batches=1)
    monkeypatch.setattr(current_app.producer_pool, "acquire", away)
    assert Campaign.objects.move(pk=campaign.pk, to="paused", allowed_from=("sending",))
    assert Campaign.objects.move(pk=campaign.pk, to="sending", allowed_from=("paused",))
    campaign.refresh_from_db()
    assert campaign.state == "sending"
