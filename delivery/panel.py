"""What waits for a person's decision, on a campaign's page in the admin."""

from __future__ import annotations

from campaigns.models import Campaign
from campaigns.panels import Panel


def decisions_panel(campaign: Campaign) -> Panel | None:
    """Unknown e-mails and dead letters, each with the way to decide; nothing where there are none."""
    if not campaign.unknown and not campaign.dead:
        return None
    may_requeue = campaign.state != Campaign.State.CANCELLED
    context = {"may_requeue": may_requeue}
    return Panel("Waiting for your decision", "admin/delivery/unknown/panel.html", context)
