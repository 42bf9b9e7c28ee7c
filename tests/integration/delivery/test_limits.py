"""What the marketer's side sets as limits."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from delivery.limits import DAY, HOUR, Limit, limits_of
from delivery.models import SenderLimit
from tests.people import a_campaign

pytestmark = pytest.mark.django_db


def test_a_campaign_without_limits_has_none() -> None:
    assert limits_of(a_campaign(created_by=User.objects.create(username="ann"))) == ()


def test_the_pace_of_a_campaign_and_the_limits_of_its_author() -> None:
    ann = User.objects.create(username="ann")
    campaign = a_campaign(created_by=ann, max_per_hour=500)
    assert limits_of(campaign) == (Limit(f"campaign:{campaign.pk}", 500, HOUR),)
    SenderLimit.objects.create(user=ann, per_hour=1000, per_day=5000)
    assert limits_of(campaign)[1:] == (
        Limit(f"sender:{ann.pk}:hour", 1000, HOUR),
        Limit(f"sender:{ann.pk}:day", 5000, DAY),
    )
    SenderLimit.objects.update(per_hour=None)
    assert [limit.key for limit in limits_of(campaign)] == [f"campaign:{campaign.pk}", f"sender:{ann.pk}:day"]
