"""A lead's timeline: the page, and the door to it from the lead's own."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
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


class Line(NamedTuple):
    """A moment as the page shows it. who: of opens and clicks. link, link_text: what it was about."""

    icon: str
    title: str
    who: str
    link: str
    link_text: str
    detail: str
    at: dt.datetime


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
        lines=lines_of(request, found.moments),
        next_before=found.next_before.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        if found.next_before
        else "",
    )


def lines_of(request: HttpRequest, moments: tuple[reports.Moment, ...]) -> list[Line]:
    """Made here: in the template the same costs three times as much, which shows with fifty lines."""
    campaigns = {pk: reverse("tracking_report", args=[pk]) for pk in {m.campaign_id for m in moments if m.campaign_id}}
    sees_messages = request.user.has_perm("delivery.view_message")
    found = []
    for moment in moments:
        link, text = campaigns.get(moment.campaign_id or 0, ""), moment.campaign
        if not link and moment.message_id:
            link = reverse("delivery_message", args=[moment.message_id]) if sees_messages else ""
            text = f"Message {moment.message_id}"
        who = moment.who if moment.kind in ("open", "click") else ""
        icon = ICONS.get(moment.kind, "circle")
        found.append(Line(icon, moment.title, who, link, text, moment.detail, moment.at))
    return found


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
