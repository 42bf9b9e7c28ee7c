"""A second campaign like one that is there: its content, audience and choices, and nothing of what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from campaigns.models import Campaign

# what a copy does not take over: identity, state, times, numbers, and the lines of a feed, which are of one mailing
COPIED_FIELDS = (
    "subject", "preheader", "from_name", "from_email", "reply_to", "template", "body_format", "body", "text", "segment",
    "mailing_list", "topic", "priority", "max_per_hour", "send_from", "send_until", "send_weekdays", "by_local_time",
    "ignores_frequency_cap",
)  # fmt: skip
# takes the ids of the campaign and of its copy
Copier = Callable[[int, int], None]
_copiers: list[Copier] = []


def register_copier(copier: Copier) -> None:
    """Say what else a copy takes over. Call in AppConfig.ready(); the same function is added once."""
    if copier not in _copiers:
        _copiers.append(copier)


def duplicate_campaign(campaign: Campaign, *, name: str = "", by: Any = None) -> Campaign:
    """A new draft. name: "Copy of …" where it is left out. All of it, or nothing."""
    length = Campaign._meta.get_field("name").max_length
    copied = {field: getattr(campaign, field) for field in COPIED_FIELDS}
    with transaction.atomic():
        copy = Campaign.objects.create(name=name or f"Copy of {campaign.name}"[:length], created_by=by, **copied)
        for copier in _copiers:
            copier(campaign.pk, copy.pk)
    return copy
