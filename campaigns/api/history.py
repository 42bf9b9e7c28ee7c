"""What programs did to a campaign, in the history of its page, beside what people did."""

from __future__ import annotations

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest

from campaigns.api.callers import caller
from campaigns.models import Campaign


def note(request: HttpRequest, campaign: Campaign, words: str, flag: int = CHANGE) -> None:
    """Who made the key stands for it. flag: ADDITION, CHANGE or DELETION of django.contrib.admin.

    Django's history needs a person: of a key whose maker has left only the log knows.
    """
    key = caller(request)
    if key.created_by_id is not None:
        told = f"By the API key “{key.name}”: {words}"
        LogEntry.objects.log_actions(key.created_by_id, [campaign], flag, change_message=told, single_object=True)
