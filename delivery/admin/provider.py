"""Providers: where mail leaves. A password goes in and never comes out again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from campaigns.admin.base import demand, find, finish, guarded
from delivery import crypto, providers
from delivery.admin import provider_warm_up
from delivery.admin.provider_health import ProviderHealth, describe_report
from delivery.admin.provider_limits import LIMIT_FIELDS, LIMITS, GroupLimitInline, rates_in_words
from delivery.admin.provider_state import CHANGE, STATE_VARIANTS, ProviderStates
from delivery.models import Pool, PoolMember, Provider

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
            "name", "kind", "host", "port", "security", "username", "password", *LIMIT_FIELDS,
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
        ("Server", {"fields": ("host", ("port", "security"), "username", "password")}),
        LIMITS,
    )
    inlines = (GroupLimitInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        server = ("Server", {"fields": ("host", ("port", "security"), "username")})
        return (self.fieldsets[0], server, self.fieldsets[2])

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:object_id>/test/", guarded(test_view), name="delivery_provider_test")]
        return own + provider_warm_up.urls() + super().get_urls()

    def save_model(self, request: HttpRequest, obj: Provider, form: ProviderForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            for stream in Pool.Stream.values:
                PoolMember.objects.get_or_create(pool=providers.default_pool(stream), provider=obj)
            self.message_user(request, "The provider stands in the default pools. Test its connection now.")

    @display(description="Server")
    def server(self, provider: Provider) -> str:
        return f"{provider.host}:{provider.port} ({provider.get_security_display()})"

    @display(description="State", label=STATE_VARIANTS)
    def state_badge(self, provider: Provider) -> tuple[str, str]:
        return provider.state, provider.get_state_display()

    @display(description="Limits")
    def rate(self, provider: Provider) -> str:
        return rates_in_words(provider)


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
