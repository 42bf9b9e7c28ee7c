"""Imports of suppressions: upload, watch, fetch what was refused."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from campaigns.admin.base import demand, render_page
from campaigns.admin.file_import import FileImportAdmin, cancel_action
from campaigns.leads.errors import FileRefused
from campaigns.models import Suppression, SuppressionImport
from campaigns.suppression import imports


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
    demand(request, "campaigns.add_suppressionimport")
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


@admin.register(SuppressionImport)
class SuppressionImportAdmin(FileImportAdmin):
    list_display = ("file_name", "state_badge", "lines_shown", "added_shown", "rejected_shown", "created_at")
    fields = ("file_name", "reason", "hash_only", "created_by", "created_at", "finished_at")
    counts = (
        ("lines", "Lines"),
        ("added_count", "Newly suppressed"),
        ("known_count", "Known before"),
        ("rejected_count", "Rejected lines"),
    )
    cancel = cancel_action(
        imports.cancel_import,
        before="What it has suppressed so far stays suppressed.",
        after="The import is cancelled.",
    )

    def has_delete_permission(self, _request: HttpRequest, _obj: SuppressionImport | None = None) -> bool:
        # what a suppression's source names stays readable
        return False

    def add_view(
        self, request: HttpRequest, _form_url: str = "", _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return upload_view(request)

    @display(description="Newly suppressed")
    def added_shown(self, row: SuppressionImport) -> str:
        return f"{row.added_count:,}"
