"""Guardrails: the limits for every campaign, opened directly, and the dialog of one campaign."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldBooleanSwitchWidget

from campaigns.admin.base import demand, find, finish
from campaigns.admin.rows import OneRowAdmin
from campaigns.models import Campaign
from delivery import guardrails
from delivery.models import CampaignGuardrail, GuardrailPolicy
from delivery.models.guardrail import KINDS

PERMISSION = "campaigns.launch_campaign"
STATES = ("draft", "scheduled", "launching", "sending", "paused")
DESCRIPTION = (
    "A campaign that passes one of these limits pauses itself within two seconds, says why on its page, and tells the "
    "operators. A share is taken of the first e-mails, and later of the last ones; complaints come late, so they are "
    "counted from the beginning. Whoever resumes the campaign begins a new count. 0 is no limit."
)
DIALOG = {
    "title": "Guardrails of this campaign",
    "description": "Shares in percent, for this campaign alone. Left empty: as for all campaigns. 0: no limit.",
}


@admin.register(GuardrailPolicy)
class GuardrailPolicyAdmin(OneRowAdmin):
    fieldsets = (
        (
            "Pause a campaign by itself",
            {
                "description": DESCRIPTION,
                "fields": (
                    "is_on",
                    ("bounces", "complaints"),
                    ("deferrals", "unknowns"),
                    ("first", "window"),
                    "least",
                ),
            },
        ),
        ("Slow campaigns", {"fields": ("slow_minutes",)}),
    )
    warn_unsaved_form = True


def _percent(label: str) -> forms.FloatField:
    return forms.FloatField(
        label=label, required=False, min_value=0, max_value=100, widget=UnfoldAdminDecimalFieldWidget()
    )


class GuardrailForm(BaseDialogForm):
    is_on = forms.BooleanField(
        label="Pause it when it passes a limit", required=False, widget=UnfoldBooleanSwitchWidget()
    )
    bounces = _percent("Hard bounces, %")
    complaints = _percent("Complaints, %")
    deferrals = _percent("Refused for now, %")
    unknowns = _percent("Unknown, %")


@require_http_methods(["GET", "POST"])
def guardrail_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The dialog on GET, the change on POST."""
    demand(request, PERMISSION)
    campaign = find(Campaign, campaign_id)
    own = CampaignGuardrail.objects.filter(campaign=campaign).first()
    form = GuardrailForm(data=request.POST or None, request=request, object_id=campaign_id)
    everywhere = guardrails.policy()
    for kind in KINDS:
        form.fields[kind].initial = getattr(own, kind) if own else None
        form.fields[kind].widget.attrs["placeholder"] = f"{getattr(everywhere, kind):g}"
    form.fields["is_on"].initial = own.is_on if own else True
    if request.method == "POST" and form.is_valid():
        _change(request, campaign, form.cleaned_data)
        return finish(request, reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    return render(request, "unfold/helpers/dialog.html", {"dialog": DIALOG, "form": form, "form_submit_text": "Save"})


def _change(request: HttpRequest, campaign: Campaign, values: dict[str, Any]) -> None:
    wanted = {name: values[name] for name in ("is_on", *KINDS)}
    CampaignGuardrail.objects.update_or_create(campaign=campaign, defaults=wanted)
    words = "Its guardrails are off." if not wanted["is_on"] else "Its guardrails were changed."
    LogEntry.objects.log_actions(request.user.pk or 0, [campaign], CHANGE, change_message=words, single_object=True)
    messages.success(request, f"{words} They hold within two seconds.")
