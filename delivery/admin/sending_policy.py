"""The limits that hold for every campaign: one row, opened directly."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from delivery.models import SendingPolicy

DESCRIPTION = (
    "No lead gets more than so many marketing e-mails within so many days, over all campaigns together; who has had "
    "them is skipped with that reason. A cap counts from the moment at which it is turned on: e-mails sent before are "
    "not known to it. Transactional mail and campaigns that ignore the cap are neither counted nor held back."
)
SOFT_BOUNCES = (
    "A full mailbox may be emptied again, so one soft bounce suppresses nobody. An address that has had so many within "
    "so many days is suppressed as “Repeated soft bounces”. Blocks and other refusals for policy never count."
)


@admin.register(SendingPolicy)
class SendingPolicyAdmin(ModelAdmin):
    fieldsets = (
        ("Frequency cap", {"description": DESCRIPTION, "fields": ("frequency_cap", "frequency_days")}),
        ("Soft bounces", {"description": SOFT_BOUNCES, "fields": ("soft_bounce_limit", "soft_bounce_days")}),
    )
    warn_unsaved_form = True

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: SendingPolicy | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one row and no list of it."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        policy, _ = SendingPolicy.objects.get_or_create(pk=1)
        return redirect(reverse("admin:delivery_sendingpolicy_change", args=[policy.pk]))

    def response_change(self, request: HttpRequest, obj: SendingPolicy) -> HttpResponse:
        response = super().response_change(request, obj)
        list_url = reverse("admin:delivery_sendingpolicy_changelist")
        # back to the dashboard's list of models would be a detour over the list that there is not
        return redirect(request.path) if getattr(response, "url", "") == list_url else response
