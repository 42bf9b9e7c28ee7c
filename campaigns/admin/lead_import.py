"""Imports of leads: upload, look at what the columns are taken for, watch it run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin import upload
from campaigns.admin.base import guarded
from campaigns.admin.file_import import FileImportAdmin, cancel_action
from campaigns.leads import imports
from campaigns.models import LeadImport


@admin.register(LeadImport)
class LeadImportAdmin(FileImportAdmin):
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
    list_select_related = ("mailing_list",)
    fields = ("file_name", "mailing_list", "columns_shown", "created_by", "created_at", "started_at", "finished_at")
    counts = (
        ("lines", "Lines"),
        ("created_count", "New leads"),
        ("updated_count", "Updated leads"),
        ("repeated_count", "Repeated lines"),
        ("rejected_count", "Rejected lines"),
    )
    cancel = cancel_action(
        imports.cancel_import,
        before="Nothing of it reaches your leads.",
        after="The import is cancelled. Your leads are as they were.",
    )

    def has_delete_permission(self, request: HttpRequest, obj: LeadImport | None = None) -> bool:
        runs = isinstance(obj, LeadImport) and not obj.is_over
        return not runs and super().has_delete_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        own = [path("map/", guarded(upload.map_view), name="campaigns_leadimport_map")]
        return own + super().get_urls()

    def add_view(
        self, request: HttpRequest, _form_url: str = "", _extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return upload.upload_view(request)

    @display(description="New leads")
    def created_shown(self, row: LeadImport) -> str:
        return f"{row.created_count:,}"

    @display(description="Columns")
    def columns_shown(self, row: LeadImport) -> SafeString | str:
        pairs = [f"{column} → {target}" for column, target in row.mapping.items() if not column.startswith("#")]
        return format_html("{}", ", ".join(pairs)) if pairs else "guessed from the headers"
