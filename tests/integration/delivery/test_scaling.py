"""What a cluster asks the database to know how many bulk workers there is work for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.db import connection
from django.db.models.functions import Now

from campaigns.models import Campaign
from delivery.models import Batch
from massmailer.embedded import paths
from tests.integration.delivery.test_sweep import waiting_campaign

# each statement its own transaction: in one, the database's clock stands still
pytestmark = pytest.mark.django_db(transaction=True)


def batches_to_send() -> int:
    text = (paths.checkout() / "deploy" / "kubernetes" / "scaling.yaml").read_text()
    (scaled,) = (one for one in yaml.safe_load_all(text) if one["kind"] == "ScaledObject")
    with connection.cursor() as cursor:
        cursor.execute(scaled["spec"]["triggers"][0]["metadata"]["query"])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("changed", "counted"),
    [
        ({}, 3),
        # a batch on its way keeps its worker
        ({"state": "leased"}, 3),
        ({"state": "done"}, 0),
        ({"not_before": "2999-01-01T00:00:00Z"}, 0),
        # the rest of a test of variants waits for a decision
        ({"variant": -1}, 0),
    ],
)
def test_batches_that_can_be_sent_now_are_counted(changed: dict[str, Any], counted: int) -> None:
    campaign = waiting_campaign(5, batches=3)
    Batch.objects.filter(campaign=campaign).update(**{"not_before": Now(), **changed})
    assert batches_to_send() == counted


@pytest.mark.parametrize(("state", "counted"), [("sending", 2), ("sent", 2), ("cancelled", 2), ("paused", 0)])
def test_a_campaign_that_may_not_send_asks_for_nobody(state: str, counted: int) -> None:
    campaign = waiting_campaign(5, batches=2)
    Batch.objects.filter(campaign=campaign).update(not_before=Now())
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    assert batches_to_send() == counted
