"""The sample campaign: made, launched, and watched until every lead is accounted for."""

from __future__ import annotations

import time

from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import Campaign, Lead, Segment
from campaigns.services.campaigns import CampaignInvalid, create_campaign
from campaigns.services.states import schedule_campaign
from delivery.models import CampaignPool, Email, Pool
from delivery.numbers import Numbers, campaign_numbers, recount
from massmailer import samples
from massmailer.demo.errors import DemoFailed
from massmailer.demo.show import Show

POLL_SECONDS = 0.1
# nothing moved for so long: a worker died, or somebody pulled a plug
STUCK_SECONDS = 60.0
SUBJECT = "{{ lead.first_name | default: 'Hello' }}, warm things for short days"
SENDER = "Tern & Thistle <letter@example.com>"


@transaction.atomic
def make_campaign(segment: Segment, pool: Pool) -> Campaign:
    """A new draft from the sample template; it leaves by `pool`. Raises DemoFailed where its content is refused."""
    try:
        campaign = create_campaign(
            name=f"Demo of {timezone.now():%Y-%m-%d %H:%M:%S}",
            subject=SUBJECT,
            sender=SENDER,
            preheader="Blankets and mugs for the dark months",
            body=samples.path("campaign.mjml").read_text(),
            segment=segment,
        )
    except CampaignInvalid as error:
        raise DemoFailed(f"the sample campaign cannot be sent: {error}") from error
    CampaignPool.objects.create(campaign=campaign, pool=pool)
    return campaign


def launch(campaign_id: int) -> None:
    """Press send. Raises DemoFailed where preflight refuses it."""
    try:
        schedule_campaign(campaign_id=campaign_id)
    except CampaignInvalid as error:
        raise DemoFailed(f"the sample campaign cannot be sent: {error}") from error


def watch(campaign_id: int, show: Show) -> tuple[Numbers, float]:
    """Wait until no lead is pending; the numbers, and how many e-mails left in a second.

    The identity of the numbers is looked at each time. Raises DemoFailed where it does not hold, where the launch
    fails, or where nothing moves for a minute.
    """
    numbers = _wait_for_launch(campaign_id)
    begun = moved = time.monotonic()
    with show.bar("Sending", numbers.audience) as update:
        while numbers.pending:
            time.sleep(POLL_SECONDS)
            before, numbers = numbers, _numbers(campaign_id)
            update(numbers.settled, f"sent {numbers.sent:,}, skipped {numbers.skipped:,}")
            moved = time.monotonic() if numbers != before else moved
            if time.monotonic() - moved > STUCK_SECONDS:
                raise DemoFailed(f"{numbers.pending} leads are still waiting and nothing moves: see var/log.")
    return numbers, numbers.sent / max(time.monotonic() - begun, POLL_SECONDS)


def prove(campaign_id: int) -> None:
    """Count the ledger itself, row by row. Raises DemoFailed where it tells another story than the counters."""
    summed, counted = campaign_numbers(campaign_id), recount(campaign_id)
    if summed != counted:
        raise DemoFailed(f"the counters say {summed.as_dict()}, the ledger {counted.as_dict()}.")
    if counted.pending:
        raise DemoFailed(f"{counted.pending} leads stand in no row of the ledger.")


def addresses(campaign_id: int, status: str) -> set[str]:
    """Addresses of the leads whose row has this status."""
    leads = Email.objects.filter(campaign_id=campaign_id, status=status).values("lead_id")
    return set(Lead.objects.filter(pk__in=leads).values_list("email", flat=True))


def reasons(campaign_id: int) -> dict[str, int]:
    """How many leads were not sent to, by status and reason, the most frequent first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status || coalesce(': ' || reply, ''), count(*) FROM delivery_email"
            " WHERE campaign_id = %s AND status <> 'sent' GROUP BY 1 ORDER BY 2 DESC, 1",
            [campaign_id],
        )
        return dict(cursor.fetchall())


def _wait_for_launch(campaign_id: int) -> Numbers:
    until = time.monotonic() + STUCK_SECONDS
    while time.monotonic() < until:
        state, reason = Campaign.objects.values_list("state", "state_reason").get(pk=campaign_id)
        if state == Campaign.State.DRAFT:
            raise DemoFailed(f"the campaign was not launched: {reason}")
        if state not in (Campaign.State.SCHEDULED, Campaign.State.LAUNCHING):
            return _numbers(campaign_id)
        time.sleep(POLL_SECONDS)
    raise DemoFailed("the campaign was not launched within a minute: see var/log/worker-default.log.")


def _numbers(campaign_id: int) -> Numbers:
    numbers = campaign_numbers(campaign_id)
    if not numbers.adds_up:
        raise DemoFailed(f"the numbers do not add up: {numbers.as_dict()}.")
    return numbers
