"""A lead's timeline: the page, and the door to it from the lead's own."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from campaigns.models import Lead
from tracking import reports
from tracking.admin.pages import VIEW, VIEW_EMAILS, VIEW_LEADS, report_page, show

ICONS = {
    "email": "campaign", "message": "receipt_long", "open": "drafts", "click": "ads_click", "delivered": "task_alt",
    "bounce": "undo", "complaint": "report", "unsubscribe": "unsubscribe", "resubscribe": "mark_email_read",
    "list": "list_alt", "suppression": "block", "release": "lock_open", "created": "person_add",
}  # fmt: skip


@report_page(VIEW_EMAILS, VIEW_LEADS)
def lead_timeline(request: HttpRequest, lead_id: int) -> HttpResponseBase:
    """Everything that happened to a lead, newest first; `?before=` a time."""
    before = moment_of(request) or timezone.now() + dt.timedelta(days=1)
    found = reports.timeline(lead_id, before=before)
    if not found.address and not found.moments:
        raise Http404("There is no such lead, and nothing is known of it.")
    title = f"Timeline of {found.address}" if found.address else f"Timeline of the erased lead {lead_id}"
    return show(
        request,
        "timeline.html",
        title=title,
        found=found,
        moments=[(moment, ICONS.get(moment.kind, "circle")) for moment in found.moments],
        next_before=found.next_before.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        if found.next_before
        else "",
    )


def moment_of(request: HttpRequest) -> dt.datetime | None:
    try:
        found = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def lead_section(request: HttpRequest, lead: Lead) -> str:
    """A link on a lead's page."""
    if not request.user.has_perms((VIEW, VIEW_EMAILS, VIEW_LEADS)):
        return ""
    return render_to_string("admin/tracking/reports/lead_section.html", {"lead": lead}, request)
