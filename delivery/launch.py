"""Launching a campaign: content and audience are frozen in one transaction, then batches are published."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from campaigns import state_changes
from campaigns.content import CompiledContent, ContentInvalid, compile_content
from campaigns.models import Campaign
from campaigns.services.audience import audience_sql
from campaigns.services.errors import CampaignInvalid
from campaigns.services.preview import source_of
from delivery import numbers, opening, partitions, sql
from delivery.models import Adjustment, FrozenContent, Link

logger = logging.getLogger(__name__)


class LaunchFailed(Exception):
    """The campaign cannot be sent as it is. It is back in draft; the message is the reason shown to its author."""


def launch_campaign(*, campaign_id: int) -> bool:
    """Take a due campaign from scheduled to sending; False when there was nothing to do.

    Running twice at once is harmless: the second waits for the first one's row lock, then finds the state changed.
    A failure puts the campaign back to draft with its reason. An old draft whose block of the ledger is being removed
    stays as it is, and the sweeper tries again.
    """
    Campaign.objects.filter(scheduled_at__lte=Now()).move(
        pk=campaign_id, to=Campaign.State.LAUNCHING, allowed_from=(Campaign.State.SCHEDULED,)
    )
    try:
        with transaction.atomic():
            launched = _freeze(campaign_id)
    except partitions.Detached as error:
        logger.info("campaign %s waits: %s", campaign_id, error)
        return False
    except LaunchFailed as failure:
        logger.warning("campaign %s goes back to draft: %s", campaign_id, failure)
        Campaign.objects.move(
            pk=campaign_id,
            to=Campaign.State.DRAFT,
            allowed_from=(Campaign.State.LAUNCHING,),
            state_reason=str(failure),
            scheduled_at=None,
        )
        return False
    if launched:
        numbers.refresh_counters(campaign_ids=[campaign_id])
    return launched


def _freeze(campaign_id: int) -> bool:
    campaign = Campaign.objects.select_for_update().filter(pk=campaign_id).first()
    if campaign is None or campaign.state != Campaign.State.LAUNCHING:
        return False
    partitions.ensure_email_partition(campaign_id)
    content = compile_campaign(campaign)
    FrozenContent.objects.create(campaign=campaign, variant=0, payload=content.to_bytes())
    Link.objects.bulk_create(
        Link(campaign=campaign, number=link.number, url=link.url, label=link.label[:200]) for link in content.links
    )
    Adjustment.objects.get_or_create(campaign=campaign)
    freeze_audience(campaign)
    Campaign.objects.filter(pk=campaign_id).update(
        state=Campaign.State.SENDING, launched_at=Now(), state_reason="", finished_at=None
    )
    state_changes.tell(campaign_id, Campaign.State.SENDING)
    return True


def compile_campaign(campaign: Campaign) -> CompiledContent:
    """The content of a campaign, compiled. Raises LaunchFailed with every problem, its place and its cure."""
    try:
        return compile_content(source_of(campaign))
    except ContentInvalid as error:
        raise LaunchFailed(str(error)) from error


def freeze_audience(campaign: Campaign) -> int:
    """Write the audience as batches; how many batches. Runs inside the launch's transaction, memory stays flat.

    Raises LaunchFailed where no audience is chosen or its condition is invalid.
    """
    try:
        select, parameters = audience_sql(campaign)
    except CampaignInvalid as error:
        raise LaunchFailed(str(error)) from error
    zones, default = (opening.known_zones(), settings.TIME_ZONE) if campaign.by_local_time else ((), "")
    closed = opening.openings(opening.hours_of(campaign), {*zones, default}, opening.database_now())
    values: list[Any] = [
        campaign.pk, campaign.priority, settings.BATCH_SIZE, list(zones), default, *parameters,
        list(closed), list(closed.values()),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql.FREEZE_AUDIENCE.format(audience=select), values)
        return int(cursor.rowcount)
