"""Providers: where mail leaves. A password goes in and never comes out again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminPasswordWidget

from campaigns.admin.base import demand, find, finish, guarded
from delivery import crypto, providers
from delivery.models import Pool, PoolMember, Provider

CHANGE = "delivery.change_provider"
STATE_VARIANTS = {"active": "success", "paused": "warning"}
DEFAULT_PORTS = "Usually 587 with STARTTLS, 465 with TLS, 25 with none."


class ProviderForm(forms.ModelForm):
    password = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        strip=False,
        help_text="Stored encrypted and never shown again. Leave empty to keep the stored one.",
    )

    class Meta:
        model = Provider
        fields = (
            "name", "kind", "host", "port", "security", "username", "password", "local_address", "max_connections",
            "rate_per_second",
        )  # fmt: skip
        help_texts = {"port": DEFAULT_PORTS, "security": "How the connection is encrypted."}

    def clean_host(self) -> str:
        host = self.cleaned_data["host"].strip()
        if not host:
            raise forms.ValidationError("Write the name of the server, such as smtp.example.com.")
        if "/" in host or " " in host or "@" in host:
            raise forms.ValidationError("Write the name of the server only, such as smtp.example.com.")
        return host

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("password") and not values.get("username"):
            self.add_error("username", "A password needs a user name beside it.")
        if values.get("username") and not values.get("password") and not self.has_stored_password():
            self.add_error("password", "A user name needs its password.")
        return values

    def has_stored_password(self) -> bool:
        try:
            return bool(self.instance.credentials.get("password"))
        except crypto.SecretUnreadable:
            return False

    def save(self, commit: bool = True) -> Any:
        secrets = self.kept_secrets()
        if self.cleaned_data.get("password"):
            secrets["password"] = self.cleaned_data["password"]
        if not self.cleaned_data.get("username"):
            secrets.pop("password", None)
        self.instance.credentials = secrets
        return super().save(commit)

    def kept_secrets(self) -> dict[str, str]:
        try:
            return self.instance.credentials
        except crypto.SecretUnreadable:  # no key opens the old ones: what is typed now replaces them
            return {}


@admin.register(Provider)
class ProviderAdmin(ModelAdmin):
    form = ProviderForm
    list_display = ("name", "server", "state_badge", "pool_names", "rate")
    sortable_by = ("name",)
    search_fields = ("name", "host")
    search_help_text = "Search by name or server"
    actions = None
    actions_detail = ("pause", "activate")
    change_form_template = "admin/delivery/provider/change_form.html"
    fieldsets = (
        ("Provider", {"fields": ("name", "kind")}),
        ("Server", {"fields": ("host", ("port", "security"), "username", "password")}),
        ("Limits", {"fields": (("max_connections", "rate_per_second"), "local_address")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("pools")

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        server = ("Server", {"fields": ("host", ("port", "security"), "username")})
        return (self.fieldsets[0], server, self.fieldsets[2])

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        state = Provider.objects.filter(pk=object_id).values_list("state", flat=True).first()
        offered = "delivery_provider_activate" if state == Provider.State.PAUSED else "delivery_provider_pause"
        return [one for one in super().get_actions_detail(request, object_id) if one.action_name == offered]

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:object_id>/test/", guarded(test_view), name="delivery_provider_test")]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: Provider, form: ProviderForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            for stream in Pool.Stream.values:
                PoolMember.objects.get_or_create(pool=providers.default_pool(stream), provider=obj)
            self.message_user(request, "The provider stands in the default pools. Test its connection now.")

    @action(
        description="Pause",
        icon="pause_circle",
        permissions=["operate"],
        variant=ActionVariant.WARNING,
        dialog={
            "title": "Pause this provider?",
            "description": "No more mail leaves through it. Other providers of its pools take over.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Pause",
        },
    )
    def pause(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.move(request, object_id, Provider.State.PAUSED, "The provider is paused.")

    @action(
        description="Activate",
        icon="play_circle",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Activate this provider?",
            "description": "Its pools send through it again.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Activate",
        },
    )
    def activate(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.move(request, object_id, Provider.State.ACTIVE, "The provider is active.")

    def move(self, request: HttpRequest, object_id: str, state: str, words: str) -> HttpResponse:
        provider = find(Provider, object_id)
        Provider.objects.filter(pk=provider.pk).update(state=state)
        self.log_change(request, provider, words)
        messages.success(request, words)
        return finish(request, reverse("admin:delivery_provider_change", args=[provider.pk]))

    @display(description="Server")
    def server(self, provider: Provider) -> str:
        return f"{provider.host}:{provider.port} ({provider.get_security_display()})"

    @display(description="State", label=STATE_VARIANTS)
    def state_badge(self, provider: Provider) -> tuple[str, str]:
        return provider.state, provider.get_state_display()

    @display(description="Pools")
    def pool_names(self, provider: Provider) -> str:
        return ", ".join(pool.name for pool in provider.pools.all()) or "none: it gets no mail"

    @display(description="Limit")
    def rate(self, provider: Provider) -> str:
        return f"{provider.rate_per_second:g} a second" if provider.rate_per_second else "none"


@require_POST
def test_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """Try the provider's server and say what came of it; no mail is sent. POST: it costs seconds and a log-in."""
    demand(request, CHANGE)
    provider = find(Provider, object_id)
    try:
        report = providers.check_connection(provider.pk)
    except crypto.SecretUnreadable as error:
        messages.error(request, f"{error} Put the old key back, or type the password again.")
    except ValueError as error:  # the server's name or port cannot be used at all
        messages.error(request, str(error))
    else:
        if report.ok:
            messages.success(request, describe_report(report))
        else:
            messages.error(request, f"{provider.name} does not work yet. {report.error}")
    return finish(request, reverse("admin:delivery_provider_change", args=[provider.pk]))


def describe_report(report: Any) -> str:
    """A ProbeReport that went well, in one sentence a person understands."""
    offers = [
        words
        for offered, words in (
            (report.tls_version, f"encrypted with {report.tls_version}"),
            (not report.tls_version, "not encrypted"),
            (report.authenticated, "logged in"),
            (report.pipelining, "pipelining"),
            (report.size_limit, f"messages up to {(report.size_limit or 0) // 1_000_000} MB"),
        )
        if offered
    ]
    return f"The server answers in {report.connect_seconds * 1000:.0f} ms: {', '.join(offers)}."
