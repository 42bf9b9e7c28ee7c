"""Imports: upload, look at what the columns are taken for, watch it run, fetch the lines that were refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from campaigns.admin import upload
from campaigns.admin.base import KeysetModelAdmin, demand, find, finish, guarded, rows_with
from campaigns.admin.progress import STOP_POLLING, percent_of
from campaigns.leads import imports
from campaigns.models import LeadImport

State = LeadImport.State
VARIANTS = {
    State.WAITING: "info", State.STAGING: "primary", State.MERGING: "primary", State.DONE: "success",
    State.FAILED: "danger", State.CANCELLED: "default",
}  # fmt: skip
ADD = "campaigns.add_leadimport"
COUNTS = (
    ("lines", "Lines"),
    ("created_count", "New leads"),
    ("updated_count", "Updated leads"),
    ("repeated_count", "Repeated lines"),
    ("rejected_count", "Rejected lines"),
)


def progress_context(row: LeadImport) -> dict[str, Any]:
    is_running = row.state in imports.OPEN
    percent = 100.0 if row.state in (State.DONE, State.MERGING) else percent_of(row.done_bytes, row.size_bytes)
    return {
        "row": row,
        "variant": VARIANTS[State(row.state)],
        "is_running": is_running,
        "percent": min(percent, 100.0),
        "counts": [(label, getattr(row, name)) for name, label in COUNTS],
        "has_rejects": bool(row.rejects_path) and Path(row.rejects_path).is_file(),
    }


@require_safe
def progress_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """The progress as a fragment; 286 tells htmx to stop asking, and the page loads again for its buttons."""
    demand(request, "campaigns.view_leadimport")
    context = progress_context(find(LeadImport, object_id))
    status = 200 if context["is_running"] else STOP_POLLING
    response = render(request, "admin/campaigns/leadimport/progress.html", context, status=status)
    if not context["is_running"]:
        response.headers["HX-Trigger"] = "mm-reload"
    return response


@require_safe
def rejects_view(request: HttpRequest, object_id: int) -> FileResponse:
    """The refused lines as a file. They hold personal data: for people who may import."""
    demand(request, ADD)
    row = find(LeadImport, object_id)
    file = Path(row.rejects_path)
    if not row.rejects_path or not file.is_file():
        raise Http404("There is no file of rejected lines; such files are kept for thirty days.")
    name = f"{Path(row.file_name).stem}-rejected.csv"
    return FileResponse(file.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


@admin.register(LeadImport)
class LeadImportAdmin(KeysetModelAdmin):
    list_display = (
        "file_name",
        "state_badge",
        "lines_shown",
        "created_shown",
        "rejected_shown",
        "mailing_list",
        "created_at",
    )
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("mailing_list",)
    actions = None
    actions_detail = ("cancel",)
    change_form_template = "admin/campaigns/leadimport/change_form.html"
    fields = ("file_name", "mailing_list", "columns_shown", "created_by", "created_at", "started_at", "finished_at")

    def get_readonly_fields(self, _request: HttpRequest, _obj: LeadImport | None = None) -> tuple[str, ...]:
        return self.fields

    def has_change_permission(self, _request: HttpRequest, _obj: LeadImport | None = None) -> bool:
        # an import is watched and cancelled, never edited
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LeadImport | None = None) -> bool:
        runs = isinstance(obj, LeadImport) and obj.state in imports.OPEN
        return not runs and super().has_delete_permission(request, obj)

    def has_cancel_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(ADD)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("map/", guarded(upload.map_view), name="campaigns_leadimport_map"),
            path("<int:object_id>/progress/", guarded(progress_view), name="campaigns_leadimport_progress"),
            path("<int:object_id>/rejects/", guarded(rejects_view), name="campaigns_leadimport_rejects"),
        ]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, _form_url: str = "", _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return upload.upload_view(request)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        running = rows_with(LeadImport, object_id).filter(state__in=imports.OPEN).exists()
        return super().get_actions_detail(request, object_id) if running else []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        row: LeadImport | None = kwargs.get("obj")
        if row is not None:
            context.update(progress_context(row))
        return super().render_change_form(request, context, *args, **kwargs)

    @action(
        description="Cancel",
        icon="cancel",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Cancel this import?",
            "danger": True,
            "description": "Nothing of it reaches your leads.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Cancel the import",
        },
    )
    def cancel(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = find(LeadImport, object_id)
        if imports.cancel_import(row.pk):
            self.log_change(request, row, "Cancelled.")
            messages.success(request, "The import is cancelled. Your leads are as they were.")
        else:
            messages.warning(request, "The import was over already.")
        return finish(request, reverse("admin:campaigns_leadimport_change", args=[row.pk]))

    @display(description="State", label=VARIANTS)
    def state_badge(self, row: LeadImport) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description="Lines")
    def lines_shown(self, row: LeadImport) -> str:
        return f"{row.lines:,}"

    @display(description="New leads")
    def created_shown(self, row: LeadImport) -> str:
        return f"{row.created_count:,}"

    @display(description="Rejected")
    def rejected_shown(self, row: LeadImport) -> str:
        return f"{row.rejected_count:,}"

    @display(description="Columns")
    def columns_shown(self, row: LeadImport) -> SafeString | str:
        pairs = [f"{column} → {target}" for column, target in row.mapping.items() if not column.startswith("#")]
        return format_html("{}", ", ".join(pairs)) if pairs else "guessed from the headers"
