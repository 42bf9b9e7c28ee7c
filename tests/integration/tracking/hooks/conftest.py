"""A receiver on loopback that verifies as any user of Standard Webhooks would, and endpoints that lead to it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tests.integration.tracking.conftest import (  # noqa: F401 - fixtures
    make_sent,
    no_pause,
    sent,
)
from tests.unit.delivery.outgoing.servers import Receiver, receiving
from tracking.hooks import endpoints
from tracking.hooks.kinds import KINDS
from tracking.models import WebhookDelivery, WebhookEndpoint

MakeEndpoint = Callable[..., tuple[WebhookEndpoint, str]]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with receiving() as running:
        settings.WEBHOOK_PRIVATE_HOSTS = [f"127.0.0.1:{running.port}"]
        yield running


@pytest.fixture
def make_endpoint(receiver: Receiver, db: None) -> MakeEndpoint:
    """A function that makes an endpoint, by default at `receiver` and for every event; it and its secret."""

    def make(name: str = "Shop", **about: object) -> tuple[WebhookEndpoint, str]:
        fields = {"url": f"http://127.0.0.1:{receiver.port}/hook", "kinds": list(KINDS), "people_only": False, **about}
        endpoint = WebhookEndpoint(name=name, **fields)
        return endpoint, endpoints.create(endpoint)

    return make


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in receiver.seen]


def due_now() -> None:
    """All that waits is due, and no endpoint is held."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    WebhookDelivery.objects.filter(due_at__isnull=False).update(due_at=past)
    WebhookEndpoint.objects.update(hold_until=None)


def set_back(hours: float) -> None:
    """As if everything had happened so long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tracking_webhookdelivery SET created_at = created_at - %(h)s * interval '1 hour',"
            " give_up_at = give_up_at - %(h)s * interval '1 hour'",
            {"h": hours},
        )
        cursor.execute(
            "UPDATE tracking_webhookendpoint SET failing_since = failing_since - %(h)s * interval '1 hour'",
            {"h": hours},
        )
