"""Pools: providers that stand in for each other."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from delivery.models import Pool, PoolMember


class PoolMemberInline(TabularInline):
    model = PoolMember
    extra = 0
    hide_title = True
    fields = ("provider", "tier", "weight")
    verbose_name = "provider"
    verbose_name_plural = "providers (the lowest tier is used first)"


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    list_display = ("name", "stream", "is_default", "member_names")
    sortable_by = ("name",)
    fields = ("name", "stream", "is_default")
    inlines = (PoolMemberInline,)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        return super().get_queryset(request).prefetch_related("members__provider")

    @display(description="Providers")
    def member_names(self, pool: Pool) -> str:
        return ", ".join(f"{member.provider} (tier {member.tier})" for member in pool.members.all()) or "none yet"
