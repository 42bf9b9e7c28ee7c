"""The limits of a provider on its page: rates of its own, and of single mailbox groups."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.addresses import MAILBOX_GROUPS
from delivery.models import GroupLimit, Provider

LIMITS = (
    "Limits",
    {
        "description": "All of them hold together with the limits of mailbox groups, warm-up plans and campaigns. "
        "What must wait gives its place to others.",
        "fields": (
            ("rate_per_second", "rate_per_hour"),
            ("rate_per_day", "max_connections"),
            "batch_size",
            "local_address",
        ),
    },
)
LIMIT_FIELDS = ("rate_per_second", "rate_per_hour", "rate_per_day", "max_connections", "batch_size", "local_address")


class GroupLimitForm(forms.ModelForm):
    """A choice of groups, in which a group that is no longer known stays as it is."""

    mailbox_group = forms.ChoiceField(label="Mailbox group", widget=UnfoldAdminSelectWidget())

    class Meta:
        model = GroupLimit
        fields = ("mailbox_group", "rate_per_second")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = list(MAILBOX_GROUPS)
        if self.instance.mailbox_group and self.instance.mailbox_group not in names:
            names.append(self.instance.mailbox_group)
        self.fields["mailbox_group"].choices = [("", "Choose…"), *((name, name) for name in names)]  # type: ignore[attr-defined]


class GroupLimitInline(TabularInline):
    model = GroupLimit
    form = GroupLimitForm
    extra = 0
    hide_title = True
    verbose_name = "limit for one mailbox group"
    verbose_name_plural = "limits for single mailbox groups"


def rates_in_words(provider: Provider) -> str:
    """ "50 a second, 100,000 a day", "none" where nothing limits it."""
    rates = (
        (f"{provider.rate_per_second:g} a second" if provider.rate_per_second else ""),
        (f"{provider.rate_per_hour:,} an hour" if provider.rate_per_hour else ""),
        (f"{provider.rate_per_day:,} a day" if provider.rate_per_day else ""),
    )
    return ", ".join(rate for rate in rates if rate) or "none"
