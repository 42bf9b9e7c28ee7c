"""Due retries become batches, so that a retry goes through the same claims as a first try."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from campaigns.models import Campaign
from delivery import opening, sql
from delivery.models import Batch

COLLECT_LIMIT = 20_000


class RetryGroup(NamedTuple):
    """Rows that may share a batch: one fence, one content, one throttle, one opening ("": not by local time)."""

    campaign_id: int
    attempt: int
    variant: int
    mailbox_group: str
    time_zone: str


def collect_retries(*, limit: int = COLLECT_LIMIT) -> int:
    """Put every due deferred row into a retry batch; how many rows. Two collectors share the rows, never one row."""
    with transaction.atomic():
        groups = _due_groups(limit)
        for group, lead_ids in groups.items():
            with connection.cursor() as cursor:
                cursor.execute(sql.CLEAR_DUE, {"campaign": group.campaign_id, "leads": lead_ids})
            make_batches(group, Batch.Kind.RETRY, lead_ids)
    return sum(len(lead_ids) for lead_ids in groups.values())


def _due_groups(limit: int) -> dict[RetryGroup, list[int]]:
    groups: dict[RetryGroup, list[int]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(sql.COLLECT_DUE, {"limit": limit})
        for campaign_id, lead_id, attempt, variant, mailbox_group, by_local_time, lead_zone in cursor.fetchall():
            zone = opening.batch_zone(lead_zone, by_local_time=by_local_time)
            groups[RetryGroup(campaign_id, attempt, variant, mailbox_group, zone)].append(lead_id)
    return groups


def make_batches(group: RetryGroup, kind: str, lead_ids: Sequence[int]) -> int:
    """Write batches of the next attempt for these leads, inside the caller's transaction; how many."""
    ordered = sorted(lead_ids)
    attempt = group.attempt + 1
    # the campaign's row lock keeps two writers from taking the same numbers
    campaign = Campaign.objects.select_for_update(no_key=True).defer("body", "text").get(pk=group.campaign_id)
    not_before = opening.not_before(campaign, group.time_zone)
    taken = Batch.objects.filter(campaign_id=group.campaign_id, attempt=attempt).aggregate(last=Max("seq"))["last"] or 0
    chunks = [ordered[start : start + settings.BATCH_SIZE] for start in range(0, len(ordered), settings.BATCH_SIZE)]
    Batch.objects.bulk_create(
        Batch(
            campaign_id=group.campaign_id,
            kind=kind,
            attempt=attempt,
            variant=group.variant,
            mailbox_group=group.mailbox_group,
            time_zone=group.time_zone,
            seq=taken + number,
            lead_ids=chunk,
            size=len(chunk),
            priority=campaign.priority,
            not_before=not_before,
        )
        for number, chunk in enumerate(chunks, start=1)
    )
    return len(chunks)
