"""Pools: providers that stand in for each other, with how each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from campaigns.admin.base import find, finish, rows_with
from delivery import pools, provider_health
from delivery.models import Pool, PoolMember, Provider
from delivery.provider_health import Glance


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as the page shows it. share: percent of the tier's traffic while all of the tier are well."""

    member: PoolMember
    glance: Glance
    share: int
    accepted_today: int


def member_rows(pool: Pool) -> list[MemberRow]:
    """The pool's members with their health, the first tier first."""
    members = list(pool.members.select_related("provider").order_by("tier", "-weight", "provider__name"))
    glances = provider_health.glances([member.provider for member in members])
    totals = provider_health.todays_total([member.provider_id for member in members])
    return [
        MemberRow(member, glances[member.provider_id], _share(member, members), totals[member.provider_id])
        for member in members
    ]


def _share(member: PoolMember, members: list[PoolMember]) -> int:
    active = [one for one in members if one.tier == member.tier and one.provider.state == Provider.State.ACTIVE]
    if member not in active:
        return 0
    return round(100 * member.weight / sum(one.weight for one in active))


class PoolForm(forms.ModelForm):
    class Meta:
        model = Pool
        fields = ("name", "stream", "selection", "is_shared")

    def clean_is_shared(self) -> bool:
        if self.instance.is_default and not self.cleaned_data["is_shared"]:
            raise forms.ValidationError("The default pool is for everybody, so it is shared.")
        return self.cleaned_data["is_shared"]

    def clean_stream(self) -> str:
        if self.instance.is_default and "stream" in self.changed_data:
            raise forms.ValidationError("The default pool of a stream stays with it.")
        return self.cleaned_data["stream"]


class PoolMemberInline(TabularInline):
    model = PoolMember
    extra = 0
    hide_title = True
    fields = ("provider", "tier", "weight")
    verbose_name = "provider"
    verbose_name_plural = "providers (the lowest tier that can send is used; weight is the share inside a tier)"


@admin.register(Pool)
class PoolAdmin(ModelAdmin):
    form = PoolForm
    list_display = ("name", "stream_shown", "kind_shown", "selection_shown", "member_names")
    sortable_by = ("name",)
    fieldsets = ((None, {"fields": ("name", ("stream", "selection"), "is_shared")}),)
    inlines = (PoolMemberInline,)
    actions = None
    actions_detail = ("make_default",)
    change_form_template = "admin/delivery/pool/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pool]:
        return super().get_queryset(request).prefetch_related("members__provider")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        providers = {member.provider_id: member.provider for pool in rows for member in pool.members.all()}
        glances = provider_health.glances(providers.values())
        for pool in rows:
            pool.glances = glances
        found.result_list = rows
        return found

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_default = isinstance(obj, Pool) and obj.is_default
        return not is_default and super().has_delete_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("delivery.change_pool")

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        may_be = rows_with(Pool, object_id).filter(is_default=False, is_shared=True).exists()
        return super().get_actions_detail(request, object_id) if may_be else []

    @action(
        description="Make default",
        icon="star",
        permissions=["operate"],
        dialog={
            "title": "Make this the default pool of its stream?",
            "description": "Mail that names no pool leaves by it from then on, instead of by the present default.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Make default",
        },
    )
    def make_default(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        pool = find(Pool, object_id)
        try:
            pools.make_default(pool_id=pool.pk)
        except pools.PoolRefused as error:
            messages.error(request, str(error))
        else:
            words = f"{pool} is the default pool now."
            self.log_change(request, pool, words)
            messages.success(request, words)
        return finish(request, reverse("admin:delivery_pool_change", args=[pool.pk]))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        pool: Pool | None = kwargs.get("obj")
        if pool is not None:
            context["rows"] = member_rows(pool)
            context["domains"] = list(pool.sending_domains.values_list("domain", flat=True)[:20])
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="Stream")
    def stream_shown(self, pool: Pool) -> str:
        return pool.get_stream_display()

    @display(description="Kind")
    def kind_shown(self, pool: Pool) -> str:
        if pool.is_default:
            return "default"
        return "shared" if pool.is_shared else "dedicated"

    @display(description="Selection")
    def selection_shown(self, pool: Pool) -> str:
        return pool.get_selection_display()

    @display(description="Providers")
    def member_names(self, pool: Any) -> str:
        named = [
            f"{member.provider} (tier {member.tier}, {pool.glances[member.provider_id].words.lower()})"
            for member in pool.members.all()
        ]
        return ", ".join(named) or "none yet"
