"""Previews: a fragment with the head of the message and a frame around the message itself."""

from __future__ import annotations

import re

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from campaigns.models import Campaign, FeedEntry, Lead, Template
from campaigns.services.preview import Preview, render_preview

# shown in a frame: no script, no form; pictures are fetched as a recipient's mail program would
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src https: data:; font-src https: data:; form-action 'none'; frame-ancestors 'self'"
)


HEAD = re.compile(r"<head\b[^>]*>", re.I)


def with_links_outside(page: str) -> str:
    """The page with links that open a new tab; put into the head: in front of the doctype it would mean quirks mode."""
    found = HEAD.search(page)
    at = found.end() if found else 0
    return f'{page[:at]}<base target="_blank">{page[at:]}'


def chosen_lead(request: HttpRequest, *, fallback: Lead | None) -> tuple[Lead | None, str]:
    """The lead of `?lead=` (an id or an address) and a remark where it does not exist.

    Nobody's data is used for a person who may not see leads.
    """
    if not request.user.has_perm("campaigns.view_lead"):
        return None, ""
    wanted = request.GET.get("lead", "").strip().lower()
    if not wanted:
        return fallback, ""
    condition = Q(email=wanted)
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        condition |= Q(pk=int(wanted))
    found = Lead.objects.filter(condition).first()
    return found or fallback, "" if found else f"No lead has the address or number “{wanted}”."


def newest_lead() -> Lead | None:
    return Lead.objects.filter(status=Lead.Status.SUBSCRIBED).order_by("-id").first()


def preview_of(written: Campaign | Template, lead: Lead | None) -> Preview:
    """The preview of a campaign (with its feed, where it has one for this lead) or a template."""
    if isinstance(written, Template):
        return render_preview(written, lead)
    entry = FeedEntry.objects.filter(campaign=written, lead=lead).first() if lead else None
    return render_preview(written, lead, campaign_id=written.pk, name=written.name, feed=entry.data if entry else None)


def preview_panel(
    request: HttpRequest, written: Campaign | Template, lead: Lead | None, remark: str, frame_name: str
) -> HttpResponse:
    """The fragment: sender, subject, tabs and the frame. `frame_name`: URL name of the frame's own page."""
    context = {
        "written": written,
        "lead": lead,
        "remark": remark,
        "preview": preview_of(written, lead),
        "frame_url": reverse(frame_name, args=[written.pk]),
    }
    return render(request, "admin/campaigns/preview_panel.html", context)


def preview_frame(written: Campaign | Template, lead: Lead | None) -> HttpResponse:
    """The message alone, under a policy of its own; scripts never run."""
    preview = preview_of(written, lead)
    page = preview.html or "<!doctype html><title>Preview</title><p>This e-mail cannot be shown yet.</p>"
    response = HttpResponse(with_links_outside(page))
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
