"""The box of a campaign's page that says when its hours are open, asked for again while the page is open."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, find
from campaigns.admin.progress import STOP_POLLING
from campaigns.models import Campaign
from delivery.panel import hours_panel


@require_safe
def hours_view(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The box as it is now; nothing, and no further question, when nobody waits for hours any more."""
    demand(request, "campaigns.view_campaign")
    campaign = find(Campaign, campaign_id)
    panel = hours_panel(campaign)
    if panel is None:
        return HttpResponse(status=STOP_POLLING)
    return render(request, panel.template, {**panel.context, "title": panel.title, "campaign": campaign})
