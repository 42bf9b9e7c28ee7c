"""The parts of a campaign's page that have addresses of their own: progress and previews. All only read."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.admin.base import demand, find
from campaigns.admin.previews import chosen_lead, newest_lead, preview_frame, preview_panel
from campaigns.admin.progress import STOP_POLLING, progress_of
from campaigns.models import Campaign, Lead
from campaigns.segments import CountTimedOut, SegmentInvalid, sample

VIEW = "campaigns.view_campaign"


@require_safe
def progress(request: HttpRequest, object_id: int) -> HttpResponse:
    """The progress as a fragment; 286 tells htmx to stop asking. A change of state makes the page load again."""
    demand(request, VIEW)
    campaign = find(Campaign, object_id)
    found = progress_of(request, campaign)
    response = render(
        request,
        "admin/campaigns/campaign/progress.html",
        {"progress": found, "campaign": campaign},
        status=200 if found.is_moving else STOP_POLLING,
    )
    if request.GET.get("state", campaign.state) != campaign.state:
        response.headers["HX-Trigger"] = "mm-reload"
    return response


@require_safe
def preview(request: HttpRequest, object_id: int) -> HttpResponse:
    """The head of the message and the frame, for the lead of `?lead=` or one of the audience."""
    demand(request, VIEW)
    campaign = find(Campaign, object_id)
    lead, remark = chosen_lead(request, fallback=sample_lead(campaign))
    return preview_panel(request, campaign, lead, remark, "admin:campaigns_campaign_frame")


@require_safe
def frame(request: HttpRequest, object_id: int) -> HttpResponse:
    """The message itself, for the frame."""
    demand(request, VIEW)
    campaign = find(Campaign, object_id)
    lead, _ = chosen_lead(request, fallback=None)
    return preview_frame(campaign, lead)


def sample_lead(campaign: Campaign) -> Lead | None:
    """Somebody of the audience, else the newest lead."""
    try:
        if campaign.segment is not None:
            found = sample(campaign.segment.condition, 1)
            return found[0] if found else newest_lead()
    except (SegmentInvalid, CountTimedOut):
        return newest_lead()
    if campaign.mailing_list is not None:
        return campaign.mailing_list.leads.order_by("-id").first() or newest_lead()
    return newest_lead()
