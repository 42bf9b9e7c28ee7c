"""Pace and hours in forms: the fields, their mistakes, and the dialog that changes them under way."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import INPUT_CLASSES, UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from campaigns.admin.base import find
from campaigns.content import Problem
from campaigns.models import Campaign
from campaigns.segments import CountTimedOut
from campaigns.services.audience import audience_count
from campaigns.services.errors import CampaignInvalid
from campaigns.services.pace import MOST_PER_HOUR, WEEKDAYS, Pace, check_pace, duration_words

FIELD_OF = {"max-per-hour": "max_per_hour", "closed-hours": "send_until", "weekdays": "send_weekdays"}


class TimeInput(forms.TimeInput):
    """The browser's own control for a time of day."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%H:%M")


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Days of the week as checkboxes, to and from a list of numbers, 1 for Monday."""

    def __init__(self) -> None:
        super().__init__(
            label="Days",
            required=False,
            coerce=int,
            choices=[(number, day[:3]) for number, day in enumerate(WEEKDAYS, start=1)],
            widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            help_text="Every day when none is chosen. Hours past midnight belong to the day on which they began.",
        )


class PaceForm(forms.Form):
    """The fields of services.pace.Pace; mixed into forms that have more."""

    max_per_hour = forms.IntegerField(
        label="E-mails an hour",
        required=False,
        min_value=1,
        max_value=MOST_PER_HOUR,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="As fast as possible when left empty.",
    )
    send_from = forms.TimeField(label="Send from", required=False, widget=TimeInput())
    send_until = forms.TimeField(label="Send until", required=False, widget=TimeInput())
    send_weekdays = WeekdaysField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "send_until" in self.fields:
            zone = timezone.get_default_timezone_name()
            self.fields["send_from"].help_text = "At all hours when both are left empty."
            self.fields["send_until"].help_text = f"May be past midnight. Time zone: {zone}."

    def pace(self) -> Pace:
        """What was typed, once the single fields are valid."""
        values = self.cleaned_data
        return Pace(
            values.get("max_per_hour"), values.get("send_from"), values.get("send_until"),
            tuple(values.get("send_weekdays") or ()),
        )  # fmt: skip

    def check_typed_pace(self) -> None:
        """Tell what is wrong with the pace as a whole at the field where it stands."""
        for problem in check_pace(self.pace()):
            field = FIELD_OF.get(problem.code)
            if field in self.fields and field not in self.errors:
                self.add_error(field, sentence_of(problem))


def sentence_of(problem: Problem) -> str:
    return problem.message[:1].upper() + problem.message[1:] + "."


class ChangePaceForm(PaceForm, BaseDialogForm):
    """The dialog for a campaign under way. `seen` says what the person had before their eyes."""

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before = Pace.of(find(Campaign, self.object_id or 0))
        for name, value in self.before.fields().items():
            self.fields[name].initial = value
        self.fields["seen"].initial = self.before.stamp

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("seen") != self.before.stamp:
            words = (
                f"Somebody else has just changed the pace: it is {self.before} now. Close this and look at it again."
            )
            raise forms.ValidationError(words)
        if not self.errors:
            self.check_typed_pace()
        return values


def duration_message(campaign: Campaign) -> str:
    """How long the audience of now takes at the campaign's pace; "" where nobody can tell, or nothing is set."""
    if not campaign.max_per_hour:
        return ""
    try:
        audience = audience_count(campaign)
    except (CampaignInvalid, CountTimedOut):
        return ""
    takes = duration_words(dt.timedelta(hours=audience / campaign.max_per_hour))
    people = f"{audience:,} lead{'' if audience == 1 else 's'}"
    return f"At {campaign.max_per_hour:,} an hour this audience of {people} would take about {takes} of sending."
