"""The dialogs that ask before a campaign changes its state."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import INPUT_CLASSES

from campaigns.admin.base import find
from campaigns.models import Campaign, ListMembership
from campaigns.segments import CountTimedOut, SegmentInvalid
from campaigns.segments import count as count_segment
from campaigns.services.preflight import preflight


class DateTimeInput(forms.DateTimeInput):
    """The browser's own control for a day and a time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


def audience_now(campaign: Campaign) -> int | None:
    """How many leads the audience has at this moment, suppressed ones included; None where that cannot be told."""
    if campaign.mailing_list_id:
        memberships = ListMembership.objects.filter(
            mailing_list_id=campaign.mailing_list_id, status=ListMembership.Status.SUBSCRIBED
        )
        return memberships.count()
    if campaign.segment is None:
        return None
    try:
        return count_segment(campaign.segment.condition)
    except (SegmentInvalid, CountTimedOut):
        return None


class LaunchForm(BaseDialogForm):
    """Shows what preflight says; errors refuse the launch, on the page and on POST."""

    form_before_template = "admin/campaigns/campaign/launch_dialog.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign = find(Campaign, self.object_id)
        self.problems = preflight(self.campaign)
        self.errors_found = [problem for problem in self.problems if problem.is_error]
        self.refused = bool(self.errors_found)

    def get_before_template_context(self, _request: HttpRequest, _object_id: int | str | None = None) -> dict[str, Any]:
        return {
            "campaign": self.campaign,
            "problems": self.problems,
            "refused": self.refused,
            "audience": None if self.refused else audience_now(self.campaign),
        }

    def clean(self) -> dict[str, Any]:
        if self.refused:
            raise forms.ValidationError("This campaign cannot be sent like this. Put right what is listed first.")
        return super().clean() or self.cleaned_data


class ScheduleForm(LaunchForm):
    """A launch at a time to come."""

    at = forms.DateTimeField(label="Send at", widget=DateTimeInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["at"].help_text = f"Time zone: {timezone.get_current_timezone_name()}."
        soon = timezone.localtime() + dt.timedelta(hours=1)
        self.fields["at"].initial = self.campaign.scheduled_at or soon.replace(minute=0, second=0, microsecond=0)

    def clean_at(self) -> dt.datetime:
        at: dt.datetime = self.cleaned_data["at"]
        if at <= timezone.now():
            raise forms.ValidationError("This time has passed. Choose a later one, or launch the campaign now.")
        return at
