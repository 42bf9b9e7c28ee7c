"""How fast and at which hours a campaign is sent: what its author may change while it is under way."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from campaigns.content import Problem
from campaigns.models import Campaign
from campaigns.services.errors import CampaignInvalid, StateConflict

logger = logging.getLogger(__name__)
State = Campaign.State
CHANGEABLE = (State.SENDING, State.PAUSED)
MOST_PER_HOUR = 2_147_483_647
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# called in the transaction of the change, with the campaign as it is now
Listener = Callable[[Campaign], object]
_listeners: list[Listener] = []


def register_pace_listener(listener: Listener) -> None:
    """Be told when the pace of a campaign under way has changed. Call in AppConfig.ready(); twice is harmless."""
    if listener not in _listeners:
        _listeners.append(listener)


@dataclass(frozen=True, slots=True)
class Pace:
    """The fields of a campaign that say how fast and when, by their names. weekdays: 1 for Monday to 7 for Sunday."""

    max_per_hour: int | None = None
    send_from: dt.time | None = None
    send_until: dt.time | None = None
    send_weekdays: tuple[int, ...] = ()

    @classmethod
    def of(cls, campaign: Campaign) -> Pace:
        return cls(campaign.max_per_hour, campaign.send_from, campaign.send_until, tuple(campaign.send_weekdays))

    def fields(self) -> dict[str, Any]:
        """Values for the model."""
        return {**asdict(self), "send_weekdays": list(self.send_weekdays)}

    @property
    def stamp(self) -> str:
        """The same text for the same pace: what a form was shown, to be compared when it comes back."""
        return json.dumps(self.fields(), default=str)

    def __str__(self) -> str:
        speed = f"at most {self.max_per_hour:,} an hour" if self.max_per_hour else "as fast as possible"
        hours = f"{self.send_from or dt.time.min:%H:%M} to {self.send_until or dt.time.min:%H:%M}"
        days = ", ".join(WEEKDAYS[day - 1] for day in self.send_weekdays) or "every day"
        return f"{speed}, {hours if self.send_from or self.send_until else 'at all hours'}, {days}"


def check_pace(pace: Pace) -> Iterator[Problem]:
    """Errors of a pace; a campaign with one would be sent at no time, or at another than its author means."""
    if pace.max_per_hour is not None and not 1 <= pace.max_per_hour <= MOST_PER_HOUR:
        message = "e-mails an hour must be 1 or more: leave it empty to send as fast as possible"
        yield Problem("error", "max-per-hour", message, "delivery")
    if pace.send_from is not None and pace.send_from == pace.send_until:
        message = f"the hours begin and end at {pace.send_from:%H:%M}, so they never open: give two different times, "
        message += "or leave both empty to send at all hours"
        yield Problem("error", "closed-hours", message, "delivery")
    if not set(pace.send_weekdays) <= set(range(1, 8)):
        yield Problem("error", "weekdays", "weekdays are 1 for Monday to 7 for Sunday", "delivery")


def change_pace(*, campaign_id: int, pace: Pace, before: Pace, by: Any = None) -> None:
    """Change pace and hours of a campaign that is sending or paused, if they are still as `before`.

    Takes effect within seconds. Raises Campaign.DoesNotExist, CampaignInvalid, or StateConflict where the campaign is
    in another state or somebody else was faster.
    """
    errors = list(check_pace(pace))
    if errors:
        raise CampaignInvalid(errors)
    with transaction.atomic():
        found = Campaign.objects.filter(pk=campaign_id, state__in=CHANGEABLE, **before.fields())
        if not found.update(**pace.fields()):
            raise _conflict(Campaign.objects.get(pk=campaign_id))
        campaign = Campaign.objects.get(pk=campaign_id)
        for listener in _listeners:
            listener(campaign)
    logger.info("the pace of campaign %s was changed by %s: %s", campaign_id, by or "a command", pace)


def _conflict(campaign: Campaign) -> StateConflict:
    if campaign.state not in CHANGEABLE:
        state = campaign.get_state_display().lower()
        return StateConflict(f"The campaign “{campaign.name}” is {state}; its pace cannot be changed any more.")
    return StateConflict(f"Somebody else has just changed the pace: it is {Pace.of(campaign)} now. Look at it again.")


def duration_words(duration: dt.timedelta) -> str:
    """A time as people plan with it: "40 minutes", "3 hours", "5 days"."""
    minutes = duration.total_seconds() / 60
    for unit, size, most in (("minute", 1, 90), ("hour", 60, 48 * 60)):
        if minutes <= most:
            number = max(1, round(minutes / size))
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{round(minutes / 60 / 24)} days"
