"""The box on a segment's page that writes conditions on what became of e-mails."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from campaigns.models import Campaign

FIELDS = (
    ("sent", "get sent"), ("delivered", "receive"), ("opened", "open"), ("clicked", "click in"),
    ("bounced", "bounce in"), ("unsubscribed", "unsubscribe by"),
)  # fmt: skip
SHOWN_CAMPAIGNS = 100


def engagement_helper(request: HttpRequest) -> str:
    """The box as HTML, with the campaigns that were launched last."""
    launched = Campaign.objects.filter(launched_at__isnull=False).only("name", "launched_at")
    context = {"fields": FIELDS, "campaigns": launched.order_by("-launched_at")[:SHOWN_CAMPAIGNS]}
    return render_to_string("admin/tracking/engagement_helper.html", context, request)
