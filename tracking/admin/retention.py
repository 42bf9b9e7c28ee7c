"""How long details are kept: one row, opened directly, with what would go now under it, and what went."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from tracking import retention
from tracking.models import RetentionDrop, RetentionPolicy

DESCRIPTION = (
    "Details that are older are removed every six hours, a whole month or a whole block of 256 campaigns at a time, "
    "without holding the sending up. Reports, counts and links that people still click stay. What is removed cannot be "
    "brought back."
)
SHOWN_DROPS = 20


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ModelAdmin):
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

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: RetentionPolicy | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row and no list of it."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        policy, _ = RetentionPolicy.objects.get_or_create(pk=1)
        return redirect(reverse("admin:tracking_retentionpolicy_change", args=[policy.pk]))

    def response_change(self, request: HttpRequest, obj: RetentionPolicy) -> HttpResponse:
        response = super().response_change(request, obj)
        list_url = reverse("admin:tracking_retentionpolicy_changelist")
        return redirect(request.path) if getattr(response, "url", "") == list_url else response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["pieces"] = retention.preview()
        context["drops"] = RetentionDrop.objects.all()[:SHOWN_DROPS]
        return super().render_change_form(request, context, *args, **kwargs)
