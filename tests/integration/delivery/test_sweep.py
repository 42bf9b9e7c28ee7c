"""What the sweeper does beside publishing: providers that have drained."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from delivery import sweep
from delivery.models import Provider
from delivery.providers import add_provider

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
