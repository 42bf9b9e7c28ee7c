"""Providers: where mail leaves. A password goes in and never comes out again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path
from unfold.decorators import display

from campaigns.admin.base import guarded
from delivery import providers
from delivery.admin import provider_warm_up
from delivery.admin.provider_form import CONNECTION, ProviderForm, shown_for
from delivery.admin.provider_health import ProviderHealth
from delivery.admin.provider_limits import LIMITS, GroupLimitInline, rates_in_words
from delivery.admin.provider_state import STATE_VARIANTS, ProviderStates
from delivery.admin.provider_test_views import send_one_view, test_view
from delivery.models import Pool, PoolMember, Provider


@admin.register(Provider)
class ProviderAdmin(ProviderHealth, ProviderStates):
    form = ProviderForm
    list_display = ("name", "server", "state_badge", "health_shown", "accepted_shown", "pool_names", "rate")
    sortable_by = ("name",)
    search_fields = ("name", "host")
    search_help_text = "Search by name or server"
    actions = None
    change_form_template = "admin/delivery/provider/change_form.html"
    fieldsets = (
        ("Provider", {"fields": ("name", "kind")}),
        ("Connection", {"fields": CONNECTION}),
        LIMITS,
    )
    conditional_fields = shown_for()
    inlines = (GroupLimitInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        is_smtp = obj.kind == Provider.Kind.SMTP
        shown = ("host", ("port", "security"), "username", "chunking") if is_smtp else ("server",)
        return (self.fieldsets[0], ("Connection", {"fields": shown}), self.fieldsets[2])

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:object_id>/test/", guarded(test_view), name="delivery_provider_test"),
            path("<int:object_id>/send-one/", guarded(send_one_view), name="delivery_provider_send_one"),
        ]
        return own + provider_warm_up.urls() + super().get_urls()

    def save_model(self, request: HttpRequest, obj: Provider, form: ProviderForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            for stream in Pool.Stream.values:
                PoolMember.objects.get_or_create(pool=providers.default_pool(stream), provider=obj)
            self.message_user(request, "The provider stands in the default pools. Test its connection now.")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """How many rows go along, instead of each of them: a provider's numbers by the hour are many thousands."""
        relations = [one for one in Provider._meta.related_objects if not one.many_to_many]
        counts = {
            one.related_model: one.related_model._default_manager.filter(**{f"{one.field.name}__in": objs}).count()
            for one in relations
        }
        counts = {model: count for model, count in counts.items() if count}
        refused = {
            model._meta.verbose_name
            for model in counts
            if model in self.admin_site._registry
            and not self.admin_site._registry[model].has_delete_permission(request)
        }
        named = {str(model._meta.verbose_name_plural): count for model, count in counts.items()}
        shown = [*map(str, objs), *(f"{count:,} {name}" for name, count in named.items())]
        return shown, {"providers": len(objs), **named}, refused, []

    @display(description="Server")
    def server(self, provider: Provider) -> str:
        if provider.kind == Provider.Kind.SMTP:
            return f"{provider.host}:{provider.port} ({provider.get_security_display()})"
        told = (provider.options.get(name) for name in ("domain", "region", "message_stream", "api_url"))
        return ", ".join([provider.get_kind_display(), *(text for text in told if text)])

    @display(description="State", label=STATE_VARIANTS)
    def state_badge(self, provider: Provider) -> tuple[str, str]:
        return provider.state, provider.get_state_display()

    @display(description="Limits")
    def rate(self, provider: Provider) -> str:
        return rates_in_words(provider)
