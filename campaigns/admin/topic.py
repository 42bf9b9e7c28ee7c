"""Topics that people may decline."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from campaigns.models import Topic


@admin.register(Topic)
class TopicAdmin(ModelAdmin):
    list_display = ("name", "description", "created_at")
    search_fields = ("name",)
    search_help_text = "Search by name"
    fields = ("name", "description")
    list_per_page = 50
    actions = None
