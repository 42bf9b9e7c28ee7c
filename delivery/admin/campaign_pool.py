"""The pool of a campaign: a box on its page that names it, and the dialog that changes it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.admin.base import demand, find, finish
from campaigns.models import Campaign
from delivery import pools
from delivery.models import Pool

PERMISSION = "campaigns.launch_campaign"
STATES = tuple(state for state in Campaign.State.values if state != Campaign.State.CANCELLED)
DIALOG = {
    "title": "Which pool does this campaign leave by?",
    "description": "Batches that are under way stay with theirs; the next ones take the new one.",
}


class PoolForm(BaseDialogForm):
    pool = forms.ChoiceField(label="Pool", required=False, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [
            (str(pool.pk), f"{pool.name}{'' if pool.is_shared else ' (dedicated)'}") for pool in pools.campaign_pools()
        ]
        self.fields["pool"].choices = [("", "that of its sending domain, else the default one"), *named]


def _label(pool: Pool) -> str:
    return pool.name if pool.is_shared else f"{pool.name} (dedicated)"


@require_http_methods(["GET", "POST"])
def pool_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The dialog on GET, the change on POST."""
    demand(request, PERMISSION)
    campaign = find(Campaign, campaign_id)
    form = PoolForm(data=request.POST or None, request=request, object_id=campaign_id)
    named = getattr(campaign, "delivery_pool", None)
    form.fields["pool"].initial = str(named.pool_id) if named else ""
    if request.method == "POST" and form.is_valid() and change_pool(request, campaign, form):
        return finish(request, reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    return render(request, "unfold/helpers/dialog.html", {"dialog": DIALOG, "form": form, "form_submit_text": "Choose"})


def change_pool(request: HttpRequest, campaign: Campaign, form: PoolForm) -> bool:
    """Change it; False, with the reason in the form, where that is refused."""
    chosen = form.cleaned_data["pool"]
    try:
        pools.set_campaign_pool(campaign_id=campaign.pk, pool_id=int(chosen) if chosen else None)
    except pools.PoolRefused as error:
        form.add_error(None, str(error))
        return False
    found = pools.chosen_pool(campaign)
    words = f"The campaign leaves by the pool {found.pool}, {found.why}."
    LogEntry.objects.log_actions(request.user.pk or 0, [campaign], CHANGE, change_message=words, single_object=True)
    messages.success(request, words)
    return True
