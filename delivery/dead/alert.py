"""Telling operators that dead letters pile up."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection
from django.db.models import Sum
from django.urls import reverse

from campaigns.models import Campaign
from delivery import alerts

KEY = "dead-letters"
# dead messages are counted up to here: how many more there are changes nothing
COUNTED_MESSAGES = 10_000
NAMED_CAMPAIGNS = 5

# By the partial index on dead messages: 2 ms for 10,000.
COUNT_MESSAGES = "SELECT count(*) FROM (SELECT FROM delivery_message WHERE status = 'dead' LIMIT %s) AS dead"


class Waiting(NamedTuple):
    """Dead letters that wait for a decision. messages: counted up to 10,000."""

    emails: int
    messages: int

    @property
    def total(self) -> int:
        return self.emails + self.messages


def waiting() -> Waiting:
    """How many dead letters wait, from the campaigns' own counters and the index of dead messages."""
    emails = Campaign.objects.filter(dead__gt=0).aggregate(dead=Sum("dead"))["dead"] or 0
    with connection.cursor() as cursor:
        cursor.execute(COUNT_MESSAGES, [COUNTED_MESSAGES])
        return Waiting(emails, int(cursor.fetchone()[0]))


def check() -> bool:
    """Raise an alert when more dead letters wait than the settings allow; whether one was raised."""
    threshold = alerts.alert_settings().dead_letter_threshold
    found = waiting()
    if not threshold or found.total <= threshold:
        return False
    raised = alerts.raise_alert(
        key=KEY,
        subject=f"{found.total:,} dead letters wait for a decision",
        text="Every try of these e-mails was refused for now, and they were given up. "
        f"You are told when there are more than {threshold:,}.\n\n"
        f"{_where(found)}\n\nLook at the last replies first. Then try them again, or discard them.",
        link=reverse("delivery_dead"),
    )
    return raised is not None


def _where(found: Waiting) -> str:
    worst = Campaign.objects.filter(dead__gt=0).order_by("-dead", "-id").values_list("name", "dead")[:NAMED_CAMPAIGNS]
    lines = [f"{dead:,} of “{name}”" for name, dead in worst]
    if found.messages:
        lines.append(f"{found.messages:,} transactional message{'' if found.messages == 1 else 's'}")
    return "Most of them: " + ", ".join(lines) + "."
