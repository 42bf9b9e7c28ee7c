"""The log of decisions on unknown e-mails: to be read, never to be changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin.base import KeysetModelAdmin
from campaigns.admin.rows import NeverEdited
from delivery.models import UnknownDecision

VARIANTS = {"leave": "default", "mark_sent": "success", "resend": "warning"}
SHOWN_LEADS = 200


@admin.register(UnknownDecision)
class UnknownDecisionAdmin(NeverEdited, KeysetModelAdmin):
    list_display = ("at", "campaign", "action_badge", "count_shown", "by_shown", "note_shown")
    list_filter = (("action", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("campaign",)
    actions = None
    fields = ("at", "campaign_link", "action", "count_shown", "by_shown", "note", "leads_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[UnknownDecision]:
        queryset = super().get_queryset(request).defer("campaign__body", "campaign__text")
        is_list = request.resolver_match and request.resolver_match.url_name == "delivery_unknowndecision_changelist"
        return queryset.defer("lead_ids", "campaign__body", "campaign__text") if is_list else queryset

    def get_readonly_fields(self, _request: HttpRequest, _obj: Any = None) -> tuple[str, ...]:
        return self.fields

    @display(description="Decision", label=VARIANTS)
    def action_badge(self, row: UnknownDecision) -> tuple[str, str]:
        return row.action, row.get_action_display()

    @display(description="E-mails")
    def count_shown(self, row: UnknownDecision) -> str:
        return f"{row.lead_count:,}"

    @display(description="By")
    def by_shown(self, row: UnknownDecision) -> str:
        return row.by_name or "-"

    @display(description="Note")
    def note_shown(self, row: UnknownDecision) -> str:
        return row.note if len(row.note) <= 80 else f"{row.note[:79]}…"

    @display(description="Campaign")
    def campaign_link(self, row: UnknownDecision) -> SafeString:
        address = reverse("admin:campaigns_campaign_change", args=[row.campaign_id])
        return format_html('<a class="mm-link" href="{}">{}</a>', address, row.campaign)

    @display(description="Leads")
    def leads_shown(self, row: UnknownDecision) -> str:
        shown = ", ".join(map(str, row.lead_ids[:SHOWN_LEADS]))
        rest = len(row.lead_ids) - SHOWN_LEADS
        return f"{shown} and {rest:,} more" if rest > 0 else shown
