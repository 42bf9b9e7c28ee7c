"""The page of an import, whatever its file is of: watch it run, cancel it, fetch the lines that were refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_permission_codename
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from campaigns.admin.base import KeysetModelAdmin, demand, find, finish, guarded, rows_with
from campaigns.admin.progress import STOP_POLLING, percent_of
from campaigns.models.file_import import FileImport

VARIANTS = {
    "waiting": "info", "running": "primary", "staging": "primary", "merging": "primary", "done": "success",
    "failed": "danger", "cancelled": "default",
}  # fmt: skip
# nothing of the file is left to read
READ = ("merging", "done")


def cancel_action(cancel_import: Callable[[int], bool], *, before: str, after: str) -> Any:
    """The button that cancels. before, after: what that means to the person, as a question's text and as an answer."""

    @action(
        description="Cancel",
        icon="cancel",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Cancel this import?",
            "danger": True,
            "description": before,
            "form_class": BaseDialogForm,
            "form_submit_text": "Cancel the import",
        },
    )
    def cancel(self: FileImportAdmin, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        row: FileImport = find(self.model, object_id)
        if cancel_import(row.pk):
            self.log_change(request, row, "Cancelled.")
            messages.success(request, after)
        else:
            messages.warning(request, "The import was over already.")
        return finish(request, self.address("change", row.pk))

    return cancel


class FileImportAdmin(KeysetModelAdmin):
    """counts: the numbers of the page, as fields or properties of a row with their labels."""

    counts: tuple[tuple[str, str], ...] = ()
    list_filter_submit = True
    actions = None
    actions_detail = ("cancel",)
    change_form_template = "admin/campaigns/fileimport/change_form.html"
    fields: tuple[str, ...] = ()

    def get_readonly_fields(self, _request: HttpRequest, _obj: FileImport | None = None) -> tuple[str, ...]:
        return self.fields

    def has_change_permission(self, _request: HttpRequest, _obj: FileImport | None = None) -> bool:
        # an import is watched and cancelled, never edited
        return False

    def has_cancel_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(self.permission("add"))

    def permission(self, verb: str) -> str:
        return f"campaigns.{get_permission_codename(verb, self.opts)}"

    def address(self, page: str, row_id: int) -> str:
        return reverse(f"admin:campaigns_{self.opts.model_name}_{page}", args=[row_id])

    def get_urls(self) -> list[URLPattern]:
        name = f"campaigns_{self.opts.model_name}"
        own = [
            path("<int:object_id>/progress/", guarded(require_safe(self.progress_view)), name=f"{name}_progress"),
            path("<int:object_id>/rejects/", guarded(require_safe(self.rejects_view)), name=f"{name}_rejects"),
        ]
        return own + super().get_urls()

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        running = rows_with(self.model, object_id).exclude(state__in=FileImport.OVER).exists()
        return super().get_actions_detail(request, object_id) if running else []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        row: FileImport | None = kwargs.get("obj")
        if row is not None:
            context.update(self.progress_context(request, row))
        return super().render_change_form(request, context, *args, **kwargs)

    def progress_context(self, request: HttpRequest, row: FileImport) -> dict[str, Any]:
        has_rejects = row.is_over and bool(row.rejects_path) and Path(row.rejects_path).is_file()
        percent = 100.0 if row.state in READ else percent_of(row.done_bytes, row.size_bytes)
        return {
            "row": row,
            "variant": VARIANTS[row.state],
            "percent": min(percent, 100.0),
            "counts": [(label, getattr(row, name)) for name, label in self.counts],
            "progress_url": "" if row.is_over else self.address("progress", row.pk),
            "rejects_url": (
                self.address("rejects", row.pk)
                if has_rejects and row.rejected_count and request.user.has_perm(self.permission("add"))
                else ""
            ),
        }

    def progress_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The progress as a fragment; 286 tells htmx to stop asking, and the page loads again for its buttons."""
        demand(request, self.permission("view"))
        row: FileImport = find(self.model, object_id)
        context = self.progress_context(request, row)
        status = STOP_POLLING if row.is_over else 200
        response = render(request, "admin/campaigns/fileimport/progress.html", context, status=status)
        if row.is_over:
            response.headers["HX-Trigger"] = "mm-reload"
        return response

    def rejects_view(self, request: HttpRequest, object_id: int) -> FileResponse:
        """The refused lines as a file. They hold personal data: for people who may import."""
        demand(request, self.permission("add"))
        row: FileImport = find(self.model, object_id)
        file = Path(row.rejects_path)
        if not row.rejects_path or not file.is_file():
            raise Http404("There is no file of rejected lines; such files are kept for thirty days.")
        name = f"{Path(row.file_name).stem}-rejected.csv"
        return FileResponse(file.open("rb"), as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")

    @display(description="State", label=VARIANTS)
    def state_badge(self, row: FileImport) -> tuple[str, str]:
        return row.state, row.get_state_display()  # type: ignore[attr-defined]

    @display(description="Lines")
    def lines_shown(self, row: FileImport) -> str:
        return f"{row.lines:,}"

    @display(description="Rejected")
    def rejected_shown(self, row: FileImport) -> str:
        return f"{row.rejected_count:,}"
