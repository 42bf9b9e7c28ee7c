"""The verbs that change a campaign's state. Each is one compare-and-set, so two people cannot both win.

    draft -> scheduled -> launching -> sending <-> paused -> sent        any of them before sent -> cancelled

Scheduling only writes the state; the delivery layer launches what is due.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.content import Problem
from campaigns.models import Campaign
from campaigns.services.errors import CampaignInvalid, StateConflict
from campaigns.services.preflight import preflight

__all__ = [
    "StateConflict",
    "cancel_campaign",
    "pause_campaign",
    "resume_campaign",
    "schedule_campaign",
    "unschedule_campaign",
]

logger = logging.getLogger(__name__)
State = Campaign.State
# a request that took its time on the way is not refused for it
PAST_TOLERANCE = dt.timedelta(minutes=5)
POSSIBLE: dict[str, str] = {
    State.DRAFT: "It can be scheduled or cancelled.",
    State.SCHEDULED: "It can be put back to draft or cancelled.",
    State.LAUNCHING: "It can be cancelled, or paused in a moment when it is sending.",
    State.SENDING: "It can be paused or cancelled.",
    State.PAUSED: "It can be resumed or cancelled.",
    State.SENT: "It cannot be changed any more; duplicate it to send it again.",
    State.CANCELLED: "It cannot be changed any more; duplicate it to send it.",
}


def schedule_campaign(*, campaign_id: int, at: dt.datetime | None = None, by: Any = None) -> None:
    """Draft to scheduled, due at `at` (aware) or at once by the database's clock.

    Raises Campaign.DoesNotExist, StateConflict, or CampaignInvalid with what preflight finds wrong.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.state != State.DRAFT:
        raise _conflict(campaign_id, "scheduled")
    errors = [problem for problem in preflight(campaign) if problem.is_error]
    errors += _check_time(at)
    if errors:
        raise CampaignInvalid(errors)
    _move(campaign_id, by, "scheduled", State.SCHEDULED, (State.DRAFT,), scheduled_at=at or Now(), state_reason="")


def unschedule_campaign(*, campaign_id: int, by: Any = None) -> None:
    """Scheduled back to draft, to be edited. Raises Campaign.DoesNotExist or StateConflict."""
    _move(campaign_id, by, "put back to draft", State.DRAFT, (State.SCHEDULED,), scheduled_at=None)


def pause_campaign(*, campaign_id: int, by: Any = None, reason: str = "") -> None:
    """Sending to paused: no new window is claimed. Raises Campaign.DoesNotExist or StateConflict.

    reason: what its page says about it, for a pause that no person made.
    """
    _move(campaign_id, by, "paused", State.PAUSED, (State.SENDING,), state_reason=reason)


def resume_campaign(*, campaign_id: int, by: Any = None) -> None:
    """Paused to sending. Raises Campaign.DoesNotExist or StateConflict."""
    _move(campaign_id, by, "resumed", State.SENDING, (State.PAUSED,), state_reason="")


def cancel_campaign(*, campaign_id: int, by: Any = None) -> None:
    """To cancelled, for good. Raises Campaign.DoesNotExist or StateConflict.

    What has no batches yet is over at once, with an audience of 0. What has some drains: every lead that was not
    sent to is recorded as skipped, and the delivery layer sets the end.
    """
    unsent = (State.DRAFT, State.SCHEDULED, State.LAUNCHING)
    if Campaign.objects.move(pk=campaign_id, to=State.CANCELLED, allowed_from=unsent, finished_at=Now()):
        _log(campaign_id, by, "cancelled")
        return
    # a campaign goes from the first group of states to this one and never back, so two tries are enough
    _move(campaign_id, by, "cancelled", State.CANCELLED, (State.SENDING, State.PAUSED))


def _move(campaign_id: int, by: Any, verb: str, to: str, allowed_from: tuple[str, ...], **changes: Any) -> None:
    if not Campaign.objects.move(pk=campaign_id, to=to, allowed_from=allowed_from, **changes):
        raise _conflict(campaign_id, verb)
    _log(campaign_id, by, verb)


def _conflict(campaign_id: int, verb: str) -> StateConflict:
    campaign = Campaign.objects.get(pk=campaign_id)
    state = campaign.get_state_display().lower()
    return StateConflict(f"The campaign “{campaign.name}” is {state}; it cannot be {verb}. {POSSIBLE[campaign.state]}")


def _log(campaign_id: int, by: Any, verb: str) -> None:
    logger.info("campaign %s was %s by %s", campaign_id, verb, by or "a command")


def _check_time(at: dt.datetime | None) -> list[Problem]:
    if at is None:
        return []
    if timezone.is_naive(at):
        raise ValueError("`at` needs a time zone")
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: dt.datetime = cursor.fetchone()[0]
    if at >= now - PAST_TOLERANCE:
        return []
    message = f"{timezone.localtime(at):%Y-%m-%d %H:%M %Z} has passed: choose a later time, or send it now"
    return [Problem("error", "past", message, "campaign")]
