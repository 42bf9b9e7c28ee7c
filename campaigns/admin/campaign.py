"""Campaigns: the list, the draft's form, and the page of a campaign under way."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_default_timezone_name
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns import panels
from campaigns.admin import campaign_views, registry
from campaigns.admin.base import guarded
from campaigns.admin.campaign_actions import CampaignActions
from campaigns.admin.campaign_form import CampaignForm
from campaigns.admin.pace import duration_message
from campaigns.admin.progress import STATE_VARIANTS, percent_of, progress_of
from campaigns.models import Campaign
from campaigns.services.pace import Pace
from campaigns.services.preflight import preflight

DRAFT_FIELDSETS = (
    ("Campaign", {"fields": ("name", ("segment", "mailing_list"), ("topic", "priority"))}),
    ("Sender", {"fields": (("from_name", "from_email"), "reply_to")}),
    ("Content", {"fields": ("template", "subject", "preheader", "body_format", "body")}),
    (
        "Pace and hours",
        {
            "fields": (
                "max_per_hour",
                ("send_from", "send_until"),
                "send_weekdays",
                "by_local_time",
                "ignores_frequency_cap",
            )
        },
    ),
    ("Plain text", {"classes": ("collapse",), "fields": ("text",)}),
)
# raw markup is for those who may change it; everybody else has the preview
FROZEN_FIELDSETS = (
    (
        "Campaign",
        {"fields": ("name", "audience_link", "topic", "priority", "scheduled_at", "launched_at", "finished_at")},
    ),
    ("Sender", {"fields": ("from_name", "from_email", "reply_to")}),
    ("Content", {"fields": ("subject", "preheader")}),
    ("Pace and hours", {"fields": ("pace_words", "ignores_frequency_cap")}),
)


@admin.register(Campaign)
class CampaignAdmin(CampaignActions):
    form = CampaignForm
    list_display = (
        "name",
        "state_badge",
        "progress_bar",
        "audience_count",
        "sent_count",
        "opened_rate",
        "clicked_rate",
    )
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_per_page = 50
    search_fields = ("name", "subject")
    search_help_text = "Search by name or subject"
    sortable_by = ("name",)
    warn_unsaved_form = True
    actions = None
    change_form_template = "admin/campaigns/campaign/change_form.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        # the bodies of fifty campaigns are megabytes that the list does not show
        queryset = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.url_name == "campaigns_campaign_changelist"
        return queryset.defer("body", "text") if is_list else queryset

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        # unfold's actions hand over an id; what a draft's id may do is asked by the actions themselves
        frozen = isinstance(obj, Campaign) and not obj.is_editable
        return not frozen and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        # a campaign that was launched is the record of what people got
        frozen = isinstance(obj, Campaign) and not obj.is_editable
        return not frozen and super().has_delete_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return DRAFT_FIELDSETS
        return FROZEN_FIELDSETS

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        if obj is None or self.has_change_permission(request, obj):
            return ()
        return ("audience_link", "scheduled_at", "launched_at", "finished_at", "pace_words")

    def save_model(self, request: HttpRequest, obj: Campaign, form: CampaignForm, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]  # staff pages have no anonymous users
        super().save_model(request, obj, form, change)
        for problem in form.content_problems:
            if not problem.is_error:
                self.message_user(request, str(problem), level="WARNING")
        if words := duration_message(obj):
            self.message_user(request, words, level="INFO")

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:object_id>/progress/", guarded(campaign_views.progress), name="campaigns_campaign_progress"),
            path("<int:object_id>/preview/", guarded(campaign_views.preview), name="campaigns_campaign_preview"),
            path("<int:object_id>/frame/", guarded(campaign_views.frame), name="campaigns_campaign_frame"),
        ]
        return own + super().get_urls()

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        campaign: Campaign | None = kwargs.get("obj")
        if campaign is not None:
            context.update(self.page_context(request, campaign))
            buttons = registry.campaign_buttons(request, campaign)
            context["actions_detail"] += [button.as_action(campaign) for button in buttons]
        return super().render_change_form(request, context, *args, **kwargs)

    def page_context(self, request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
        editable = campaign.is_editable
        return {
            "campaign": campaign,
            "progress": None if editable else progress_of(request, campaign),
            "problems": preflight(campaign) if editable and request.method == "GET" else [],
            "is_checked": editable and request.method == "GET",
            "panels": panels.render_panels(request, campaign),
        }

    @display(description="State", label=STATE_VARIANTS)
    def state_badge(self, campaign: Campaign) -> tuple[str, str]:
        return campaign.state, campaign.get_state_display()

    @display(description="Progress")
    def progress_bar(self, campaign: Campaign) -> SafeString | str:
        if not campaign.audience:
            return "-"
        percent = percent_of(campaign.audience - campaign.pending, campaign.audience)
        return format_html(
            '<span class="mm-meter"><progress max="100" value="{0}" aria-label="Progress"></progress>{0} %</span>',
            percent,
        )

    @display(description="Audience")
    def audience_count(self, campaign: Campaign) -> str:
        return f"{campaign.audience:,}" if campaign.launched_at else "-"

    @display(description="Sent")
    def sent_count(self, campaign: Campaign) -> str:
        return f"{campaign.sent:,}" if campaign.launched_at else "-"

    @display(description="Opened")
    def opened_rate(self, campaign: Campaign) -> str:
        return f"{percent_of(campaign.opened, campaign.sent)} %" if campaign.sent else "-"

    @display(description="Clicked")
    def clicked_rate(self, campaign: Campaign) -> str:
        return f"{percent_of(campaign.clicked, campaign.sent)} %" if campaign.sent else "-"

    @display(description="Pace and hours")
    def pace_words(self, campaign: Campaign) -> str:
        words = str(Pace.of(campaign))
        where = "in the time zone of each lead" if campaign.by_local_time else get_default_timezone_name()
        return f"{words[:1].upper()}{words[1:]} ({where})"

    @display(description="Audience")
    def audience_link(self, campaign: Campaign) -> str:
        if campaign.segment is not None:
            return f"Segment “{campaign.segment}”"
        return f"List “{campaign.mailing_list}”" if campaign.mailing_list is not None else "Not chosen yet"
