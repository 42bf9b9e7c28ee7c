"""Templates: starting points that campaigns take a copy of."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin

from campaigns.admin.base import demand, find, guarded
from campaigns.admin.campaign_form import COPIED, WrittenForm
from campaigns.admin.previews import chosen_lead, newest_lead, preview_frame, preview_panel
from campaigns.models import Template

VIEW = "campaigns.view_template"
FIELDSETS = (
    ("Template", {"fields": ("name", "subject", "preheader")}),
    ("Content", {"fields": ("body_format", "body")}),
    ("Plain text", {"classes": ("collapse",), "fields": ("text",)}),
)


class TemplateForm(WrittenForm):
    # of transactional mail too, which needs no unsubscribe link and knows {{ data }}; a campaign is checked by itself
    content_kind = "transactional"

    class Meta:
        model = Template
        fields = ("name", "subject", "preheader", "body_format", "body", "text")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            self.check_written()
        return values


@admin.register(Template)
class TemplateAdmin(ModelAdmin):
    form = TemplateForm
    list_display = ("name", "subject", "body_format", "updated_at")
    search_fields = ("name", "subject")
    search_help_text = "Search by name or subject"
    sortable_by = ("name", "updated_at")
    list_per_page = 50
    warn_unsaved_form = True
    actions = None
    change_form_template = "admin/campaigns/template/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: Template | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return FIELDSETS
        return (("Template", {"fields": ("name", "subject", "preheader")}),)

    def save_model(self, request: HttpRequest, obj: Template, form: TemplateForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for problem in form.content_problems:
            if not problem.is_error:
                self.message_user(request, str(problem), level="WARNING")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:object_id>/preview/", guarded(preview), name="campaigns_template_preview"),
            path("<int:object_id>/frame/", guarded(frame), name="campaigns_template_frame"),
            path("<int:object_id>/content/", guarded(content), name="campaigns_template_content"),
        ]
        return own + super().get_urls()


@require_safe
def preview(request: HttpRequest, object_id: int) -> HttpResponse:
    demand(request, VIEW)
    lead, remark = chosen_lead(request, fallback=newest_lead())
    return preview_panel(request, find(Template, object_id), lead, remark, "admin:campaigns_template_frame")


@require_safe
def frame(request: HttpRequest, object_id: int) -> HttpResponse:
    demand(request, VIEW)
    lead, _ = chosen_lead(request, fallback=None)
    return preview_frame(find(Template, object_id), lead)


@require_safe
def content(request: HttpRequest, object_id: int) -> JsonResponse:
    """What a draft copies; markup, so only for those who may write campaigns."""
    demand(request, VIEW)
    if not request.user.has_perm("campaigns.add_campaign"):
        demand(request, "campaigns.change_campaign")
    template = find(Template, object_id)
    return JsonResponse({name: getattr(template, name) for name in COPIED})
