"""The verbs of endpoints and of their deliveries: for the admin, the API and the worker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.db import connection
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from campaigns.leads.person import Person, Row
from delivery import outgoing
from delivery.alerts import raise_alert
from tracking.hooks import sql
from tracking.hooks.kinds import TEST
from tracking.hooks.news import body_of, new_id
from tracking.hooks.schedule import GIVE_UP_AFTER
from tracking.models import WebhookDelivery, WebhookEndpoint

# what is settled is kept so long, for whoever looks why something did not arrive
KEPT_DAYS = 14
PRUNED_AT_ONCE = 10_000


def create(endpoint: WebhookEndpoint) -> str:
    """Save a new endpoint; its secret, which nobody can read again."""
    secret = outgoing.new_secret()
    endpoint.replace_secret(secret, timezone.now())
    endpoint.save()
    endpoint.refresh_from_db()
    return secret


def rotate(endpoint: WebhookEndpoint) -> str:
    """Make a new secret; for a day the old one signs too. Nobody can read it again."""
    secret = outgoing.new_secret()
    endpoint.replace_secret(secret, timezone.now())
    endpoint.save(update_fields=["sealed_secrets", "updated_at"])
    return secret


def enable(endpoint_id: int) -> bool:
    """Post again to an endpoint that was disabled; what still waits goes first. False where it was not disabled."""
    return bool(
        WebhookEndpoint.objects.filter(pk=endpoint_id, disabled_at__isnull=False).update(
            disabled_at=None, disabled_because="", failures=0, failing_since=None, hold_until=None
        )
    )


def disable(endpoint_id: int, because: str) -> None:
    """Post nothing more, and tell the operators. Call inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(sql.DISABLE, {"id": endpoint_id, "because": because[:500]})
        row = cursor.fetchone()
    if row is None:
        return
    name, url = row
    raise_alert(
        key=f"webhook-disabled:{endpoint_id}",
        subject=f"The webhook “{name}” was disabled",
        text=f"Nothing is posted to {url} any more. {because}\n\nPut it right and enable it again; deliveries that"
        " were given up can be sent again.",
        link=reverse("admin:tracking_webhookendpoint_change", args=[endpoint_id]),
    )


def send_test(endpoint: WebhookEndpoint, by_name: str) -> WebhookDelivery:
    """Write a test delivery down, whatever the endpoint's filters say; it is posted within seconds."""
    body = body_of(TEST, timezone.now(), {"by": by_name, "webhook": endpoint.name})
    return WebhookDelivery.objects.create(
        endpoint=endpoint, event_id=new_id(), kind=TEST, body=body, due_at=Now(), give_up_at=Now() + GIVE_UP_AFTER
    )


def resend(delivery_ids: Sequence[int]) -> int:
    """Begin anew with deliveries that are settled, with the id and body that they had; how many there were.

    `tried` goes on: whoever still has an old try in hand must not write its outcome over a new one.
    """
    return WebhookDelivery.objects.filter(pk__in=delivery_ids, due_at=None).update(
        state=WebhookDelivery.State.WAITING, due_at=Now(), give_up_at=Now() + GIVE_UP_AFTER, tried=F("tried") + 1
    )


def resend_failed(endpoint_id: int) -> int:
    """Begin anew with all of an endpoint that were given up; how many."""
    ids = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, state="failed").values_list("pk", flat=True)
    return resend(list(ids))


def prune() -> int:
    """Give up what waited too long, forget what was settled long ago; how many were forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(sql.EXPIRE)
        pruned = 0
        while True:
            cursor.execute(sql.PRUNE, {"days": KEPT_DAYS, "limit": PRUNED_AT_ONCE})
            pruned += cursor.rowcount
            if cursor.rowcount < PRUNED_AT_ONCE:
                return pruned


def forget_lead(lead_id: int) -> None:
    """Delete deliveries about an erased lead, in the transaction that erases it."""
    WebhookDelivery.objects.filter(lead_id=lead_id).delete()


def forget_stranger(person: Person) -> None:
    """Delete deliveries about an address that no lead has, whom nobody but a person erases: all bodies are read."""
    if not person.lead_id:
        _naming(person).delete()


def told(person: Person) -> Iterable[Row]:
    """What other programs were told of a person, as long as it is kept."""
    rows = WebhookDelivery.objects.filter(lead_id=person.lead_id) if person.lead_id else _naming(person)
    return rows.order_by("-pk").values("created_at", "endpoint__name", "kind", "state", "body")


def _naming(person: Person) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(lead_id=None, body__contains=json.dumps(person.address))
