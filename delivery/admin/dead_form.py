"""The filter of the dead-letter list: a form that reads the address, and the address that says the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from campaigns.addresses import MAILBOX_GROUPS
from campaigns.models import Campaign
from delivery.dead.filter import CLASSES, DeadFilter, details
from delivery.dead.rows import Source
from delivery.models import Provider
from delivery.reply_rules import current

CAMPAIGNS = 200


class DayInput(forms.DateInput):
    """The browser's own control for a day."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__({"class": "mm-input"}, format="%Y-%m-%d")


def _select() -> forms.Select:
    return forms.Select({"class": "mm-input"})


class DeadForm(forms.Form):
    """Every field may be empty. What cannot be read counts as empty, and is said beside its field."""

    reply = forms.CharField(
        label="Words in the last reply",
        required=False,
        max_length=200,
        widget=forms.TextInput({"class": "mm-input", "type": "search", "placeholder": "try again later"}),
    )
    reason = forms.ChoiceField(label="Reason", required=False, widget=_select())
    provider_id = forms.TypedChoiceField(
        label="Provider", required=False, coerce=int, empty_value=None, widget=_select()
    )
    campaign_id = forms.TypedChoiceField(
        label="Campaign", required=False, coerce=int, empty_value=None, widget=_select()
    )
    group = forms.ChoiceField(label="Mailboxes at", required=False, widget=_select())
    domain = forms.CharField(
        label="Domain",
        required=False,
        max_length=253,
        widget=forms.TextInput({"class": "mm-input", "placeholder": "example.com"}),
    )
    since = forms.DateField(label="From", required=False, widget=DayInput())
    until = forms.DateField(label="To", required=False, widget=DayInput())

    def __init__(self, data: QueryDict, source: str) -> None:
        super().__init__(data)
        self.source = source
        fields: dict[str, Any] = self.fields
        fields["reason"].choices = [
            ("", "All"),
            *CLASSES.items(),
            ("In detail", list(details(current()).items())),
        ]
        fields["provider_id"].choices = [("", "All"), *Provider.objects.values_list("pk", "name")]
        fields["group"].choices = [("", "All"), *((name, name) for name in MAILBOX_GROUPS)]
        fields["campaign_id"].choices = [("", "All"), *campaign_choices(data.get("campaign_id", ""))]
        if source == Source.MESSAGES:
            del self.fields["campaign_id"]

    def clean_domain(self) -> str:
        return str(self.cleaned_data["domain"]).strip().lower().removeprefix("@")

    def filter(self) -> DeadFilter:
        """What is asked for; a field that cannot be read lets everything through."""
        self.is_valid()
        return DeadFilter(**self.cleaned_data)

    def address(self, **more: Any) -> str:
        """ "?…" that asks for the same, and more."""
        values = {"source": self.source, **self.filter().as_dict(), **more}
        return f"?{urlencode(values)}"

    def hidden(self) -> list[tuple[str, str]]:
        """The same as names and values of hidden fields."""
        return [("source", self.source), *((key, str(value)) for key, value in self.filter().as_dict().items())]


def campaign_choices(chosen: str) -> list[tuple[int, str]]:
    """Campaigns that have dead letters, newest first, and the one that is asked for."""
    found = dict(Campaign.objects.filter(dead__gt=0).order_by("-pk").values_list("pk", "name")[:CAMPAIGNS])
    if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 and int(chosen) not in found:
        found.update(Campaign.objects.filter(pk=int(chosen)).values_list("pk", "name"))
    return list(found.items())


def source_of(data: QueryDict) -> str:
    """Which of the two lists is asked for: `source`, the campaigns' e-mails where it says nothing."""
    source = data.get("source", "")
    return source if source in Source.values else str(Source.EMAILS)
