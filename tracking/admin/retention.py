"""How long details are kept: one row, opened directly, with what would go now under it, and what went."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from campaigns.admin.rows import OneRowAdmin
from tracking import retention
from tracking.models import RetentionDrop, RetentionPolicy

DESCRIPTION = (
    "Details that are older are removed every six hours, a whole month or a whole block of 256 campaigns at a time, "
    "without holding the sending up. Reports, counts and links that people still click stay. What is removed cannot be "
    "brought back."
)
SHOWN_DROPS = 20


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(OneRowAdmin):
    fieldsets = (
        (
            "Keep for so long",
            {
                "description": DESCRIPTION,
                "fields": ("event_months", "email_months", "message_months", "exports_first"),
            },
        ),
        ("Small things", {"fields": (("alert_days", "aside_days"),)}),
    )
    warn_unsaved_form = True
    change_form_template = "admin/tracking/retention.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["pieces"] = retention.preview()
        context["drops"] = RetentionDrop.objects.all()[:SHOWN_DROPS]
        return super().render_change_form(request, context, *args, **kwargs)
