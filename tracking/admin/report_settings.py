"""What reports break down by: one row, opened directly."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import connection, transaction
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.admin.fields import TagsField
from campaigns.admin.rows import OneRowAdmin
from campaigns.models import Campaign
from tracking import dimensions
from tracking.models import ReportSettings
from tracking.roll import count_anew

# an attribute that is different for everybody would make reports as long as the list of leads
MOST_VALUES = 300
SAMPLED_LEADS = 5_000
# campaigns whose ledger is counted again when the attributes change
RECENT_CAMPAIGNS = 20

# Values of an attribute among the newest leads. 15 ms.
VALUES = """
SELECT count(DISTINCT attributes ->> %s) FROM (SELECT attributes FROM campaigns_lead ORDER BY id DESC LIMIT %s) l
"""


class ReportSettingsForm(forms.ModelForm):
    attributes = TagsField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Up to five more attributes to break reports down by, with commas between them: plan, source.",
    )

    class Meta:
        model = ReportSettings
        fields = ("country_attribute", "attributes")

    def clean_country_attribute(self) -> str:
        return demand_few_values(str(self.cleaned_data["country_attribute"]).strip())

    def clean_attributes(self) -> list[str]:
        found = list(dict.fromkeys(name.strip() for name in self.cleaned_data["attributes"] if name.strip()))
        if len(found) > dimensions.MAX_ATTRIBUTES:
            raise forms.ValidationError(f"At most {dimensions.MAX_ATTRIBUTES} attributes.")
        return [demand_few_values(name) for name in found]


def demand_few_values(name: str) -> str:
    """The name, unless too many of the newest leads have values of their own. Raises ValidationError."""
    if not name:
        return name
    with connection.cursor() as cursor:
        cursor.execute(VALUES, [name, SAMPLED_LEADS])
        (count,) = cursor.fetchone()
    if count > MOST_VALUES:
        raise forms.ValidationError(
            f"“{name}” has {count:,} different values among the newest {SAMPLED_LEADS:,} leads. "
            f"Choose an attribute with at most {MOST_VALUES}."
        )
    return name


@admin.register(ReportSettings)
class ReportSettingsAdmin(OneRowAdmin):
    form = ReportSettingsForm
    fieldsets = (("Reports are broken down by", {"fields": ("country_attribute", "attributes")}),)

    def save_model(self, request: HttpRequest, obj: ReportSettings, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not form.changed_data:
            return
        recent = Campaign.objects.filter(launched_at__isnull=False).order_by("-id").values_list("pk", flat=True)
        count_anew(list(recent[:RECENT_CAMPAIGNS]))
        transaction.on_commit(dimensions.forget)
        messages.info(request, f"The last {RECENT_CAMPAIGNS} campaigns are counted anew, which takes a few minutes.")
