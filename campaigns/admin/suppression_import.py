"""Imports of suppressions: upload, watch, fetch what was refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from campaigns.admin.base import KeysetModelAdmin, demand, find, finish, guarded, render_page, rows_with
from campaigns.admin.progress import STOP_POLLING, percent_of
from campaigns.leads.errors import FileRefused
from campaigns.models import Suppression, SuppressionImport
from campaigns.suppression import imports

State = SuppressionImport.State
VARIANTS = {
    State.WAITING: "info", State.RUNNING: "primary", State.DONE: "success", State.FAILED: "danger",
    State.CANCELLED: "default",
}  # fmt: skip
ADD = "campaigns.add_suppressionimport"
VIEW = "campaigns.view_suppressionimport"


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget(),
        help_text="Addresses, SHA-256 hashes of addresses, or domains; any separator and encoding, also with gzip. A "
        "column of reasons is used where there is one.",
    )
    reason = forms.ChoiceField(
        choices=Suppression.Reason.choices,
        initial=Suppression.Reason.IMPORTED,
        widget=UnfoldAdminSelectWidget(),
        help_text="For lines that name none themselves. Hard bounces, complaints and what is added by hand also stop "
        "transactional mail.",
    )
    hash_only = forms.BooleanField(
        label="Store hashes only",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="For lists whose addresses may not be kept here.",
    )


def upload_view(request: HttpRequest) -> HttpResponse:
    """Keep the file and start."""
    demand(request, ADD)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            row = imports.create_import(
                file=values["file"], name=str(values["file"].name), reason=values["reason"],
                hash_only=values["hash_only"], user=request.user,
            )  # fmt: skip
        except FileRefused as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, "The import is under way. You may leave this page.")
            return HttpResponseRedirect(reverse("admin:campaigns_suppressionimport_change", args=[row.pk]))
    return render_page(request, "admin/campaigns/suppressionimport/upload.html", title="Import suppressions", form=form)


def progress_context(row: SuppressionImport) -> dict[str, Any]:
    percent = 100.0 if row.state == State.DONE else percent_of(row.done_bytes, row.size_bytes)
    return {
        "row": row,
        "variant": VARIANTS[State(row.state)],
        "is_running": row.state in imports.OPEN,
        "percent": min(percent, 100.0),
        "counts": [
            ("Lines", row.lines),
            ("Newly suppressed", row.added_count),
            ("Known before", row.known_count),
            ("Rejected lines", row.rejected_count),
        ],
        "has_rejects": bool(row.rejected_count) and Path(row.rejects_path).is_file(),
    }


@require_safe
def progress_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """The progress as a fragment; 286 tells htmx to stop asking, and the page loads again for its buttons."""
    demand(request, VIEW)
    context = progress_context(find(SuppressionImport, object_id))
    status = 200 if context["is_running"] else STOP_POLLING
    response = render(request, "admin/campaigns/suppressionimport/progress.html", context, status=status)
    if not context["is_running"]:
        response.headers["HX-Trigger"] = "mm-reload"
    return response


@require_safe
def rejects_view(request: HttpRequest, object_id: int) -> FileResponse:
    """The refused lines as a file. They may hold personal data: for people who may import."""
    demand(request, ADD)
    row = find(SuppressionImport, object_id)
    file = Path(row.rejects_path)
    if not row.rejects_path or not file.is_file():
        raise Http404("There is no file of rejected lines; such files are kept for thirty days.")
    name = f"{Path(row.file_name).stem}-rejected.csv"
    return FileResponse(file.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


@admin.register(SuppressionImport)
class SuppressionImportAdmin(KeysetModelAdmin):
    list_display = ("file_name", "state_badge", "lines", "added_count", "rejected_count", "created_at")
    list_filter_submit = True
    actions = None
    actions_detail = ("cancel",)
    change_form_template = "admin/campaigns/suppressionimport/change_form.html"
    fields = ("file_name", "reason", "hash_only", "created_by", "created_at", "finished_at")

    def get_readonly_fields(self, _request: HttpRequest, _obj: SuppressionImport | None = None) -> tuple[str, ...]:
        return self.fields

    def has_change_permission(self, _request: HttpRequest, _obj: SuppressionImport | None = None) -> bool:
        # an import is watched and cancelled, never edited
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: SuppressionImport | None = None) -> bool:
        # what a suppression's source names stays readable
        return False

    def has_cancel_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(ADD)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:object_id>/progress/", guarded(progress_view), name="campaigns_suppressionimport_progress"),
            path("<int:object_id>/rejects/", guarded(rejects_view), name="campaigns_suppressionimport_rejects"),
        ]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, _form_url: str = "", _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return upload_view(request)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        running = rows_with(SuppressionImport, object_id).filter(state__in=imports.OPEN).exists()
        return super().get_actions_detail(request, object_id) if running else []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        row: SuppressionImport | None = kwargs.get("obj")
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
            "description": "What it has suppressed so far stays suppressed.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Cancel the import",
        },
    )
    def cancel(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = find(SuppressionImport, object_id)
        if imports.cancel_import(row.pk):
            self.log_change(request, row, "Cancelled.")
            messages.success(request, "The import is cancelled.")
        else:
            messages.warning(request, "The import was over already.")
        return finish(request, reverse("admin:campaigns_suppressionimport_change", args=[row.pk]))

    @display(description="State", label=VARIANTS)
    def state_badge(self, row: SuppressionImport) -> tuple[str, str]:
        return row.state, row.get_state_display()
