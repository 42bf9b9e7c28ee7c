"""Changing a campaign that is a draft, by a program: what could not be sent is refused, as when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from campaigns.models import Campaign
from campaigns.services.errors import CampaignInvalid, StateConflict
from campaigns.services.preflight import written_problems


def lock_draft(campaign_id: int) -> Campaign:
    """The draft, locked until the transaction ends. Raises Campaign.DoesNotExist, or StateConflict in another state."""
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign_id)
    if not campaign.is_editable:
        state = campaign.get_state_display().lower()
        raise StateConflict(f"The campaign “{campaign.name}” is {state}; only drafts are changed.")
    return campaign


def change_draft(campaign: Campaign, fields: Mapping[str, Any]) -> None:
    """Set fields of a locked draft, by the names of the model. Raises CampaignInvalid with every error."""
    for name, value in fields.items():
        setattr(campaign, name, value)
    errors = [problem for problem in written_problems(campaign) if problem.is_error]
    if errors:
        raise CampaignInvalid(errors)
    campaign.full_clean(validate_unique=False)
    campaign.save()


def delete_draft(campaign_id: int) -> None:
    """Raises as lock_draft does."""
    with transaction.atomic():
        lock_draft(campaign_id).delete()
