"""What tests of people's decisions share: unknown e-mails to decide about, and numbers that must add up."""

from __future__ import annotations

import uuid

from django.db import connection

from campaigns.models import Campaign, Lead
from delivery import launch, numbers, send
from delivery.models import Batch, Email

LONG_AGO = "2020-01-01T00:00:00Z"


def lose_worker(batch: Batch, cursor: int) -> None:
    """As if a worker had claimed `cursor` positions of the batch and was never heard of again."""
    Batch.objects.filter(pk=batch.pk).update(
        state="leased", lease_token=uuid.uuid4(), lease_until=LONG_AGO, cursor=cursor
    )


def leave_unknown(campaign: Campaign, count: int, *, hours_ago: float = 25) -> list[int]:
    """Launch the campaign and lose a worker that had claimed `count` leads; the others are sent. The leads' ids."""
    assert launch.launch_campaign(campaign_id=campaign.pk)
    batch = Batch.objects.get(campaign=campaign)
    lose_worker(batch, count)
    send.send_batch(batch.pk)
    age(hours_ago)
    numbers.refresh_counters()
    campaign.refresh_from_db()
    return unknown_ids(campaign)


def age(hours: float) -> None:
    """Let all unknown rows have been marked so long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_email SET at = now() - %s * interval '1 hour' WHERE status = 'unknown'", [hours]
        )


def send_ready(campaign: Campaign) -> None:
    for batch_id in Batch.objects.filter(campaign=campaign, state="ready").values_list("pk", flat=True):
        send.send_batch(batch_id)


def unknown_ids(campaign: Campaign) -> list[int]:
    rows = Email.objects.filter(campaign_id=campaign.pk, status="unknown")
    return list(rows.order_by("lead_id").values_list("lead_id", flat=True))


def row_of(campaign: Campaign, lead_id: int) -> Email:
    return Email.objects.get(campaign_id=campaign.pk, lead_id=lead_id)


def checked(campaign: Campaign) -> numbers.Numbers:
    """The numbers, after they were found to add up and to be what the ledger itself says."""
    found = numbers.campaign_numbers(campaign.pk)
    assert found.adds_up
    assert found == numbers.recount(campaign.pk)
    return found


def address_of(lead_id: int) -> str:
    return Lead.objects.get(pk=lead_id).email


def forget_rows() -> None:
    """The flush between tests that commit does not know the tables that Django does not manage."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_email")
        cursor.execute("DELETE FROM delivery_message")
