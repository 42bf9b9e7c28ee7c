"""Keys of programs that call the API: made, shown once, limited, revoked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from campaigns.admin.base import find, finish
from campaigns.api import keys
from campaigns.api.scopes import BY_NAME, SCOPES
from campaigns.models import ApiKey
from campaigns.models.api_key import check_network

STATE_VARIANTS = {"active": "success", "revoked": "default", "expired": "warning"}


class NetworksField(forms.CharField):
    """Networks with commas between them, to and from a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(str(value or "").replace(",", " ").split()))

    def validate(self, value: Any) -> None:
        super().validate(value)
        for text in value:
            check_network(text)

    def run_validators(self, _value: Any) -> None:
        """Those of CharField are about a text, and `validate` has looked at each network."""


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Give what the program needs and no more. You can give what you may do yourself.",
    )
    networks = NetworksField(
        required=False,
        label="Allowed networks",
        widget=UnfoldAdminTextInputWidget(),
        help_text="Addresses or networks with commas between them: 192.0.2.7, 10.0.0.0/8. Any when left empty.",
    )
    # set by the admin for each request
    grantable: frozenset[str] = frozenset()

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "rate_per_second", "per_day", "networks", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "scopes" in self.fields:
            offered = self.grantable | set(self.instance.scopes)
            field: Any = self.fields["scopes"]
            field.choices = [(scope.name, f"{scope.name}: {scope.words}") for scope in SCOPES if scope.name in offered]

    def clean_expires_at(self) -> Any:
        at = self.cleaned_data["expires_at"]
        if at is not None and "expires_at" in self.changed_data and at <= timezone.now():
            raise ValidationError("This time has passed. Choose a later one, or revoke the key.")
        return at


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    form = ApiKeyForm
    list_display = ("name", "shown_prefix", "state", "scope_list", "last_used_at", "expires_at")
    search_fields = ("name", "prefix")
    search_help_text = "Search by name or prefix"
    sortable_by = ("name", "last_used_at", "expires_at")
    list_per_page = 50
    actions = None
    actions_detail = ("revoke",)
    fieldsets = (
        ("Key", {"fields": ("name", "scopes")}),
        ("Limits", {"fields": (("rate_per_second", "per_day"), "networks", "expires_at")}),
    )
    shown = ("shown_prefix", "state_in_words", "created_by", "created_at", "last_used_at", "last_used_from")

    def get_fieldsets(self, _request: HttpRequest, obj: ApiKey | None = None) -> Any:
        return self.fieldsets if obj is None else (*self.fieldsets, ("Use", {"fields": self.shown}))

    def get_readonly_fields(self, _request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else self.shown

    def get_form(self, request: HttpRequest, obj: ApiKey | None = None, change: bool = False, **kwargs: Any) -> Any:
        made = super().get_form(request, obj, change, **kwargs)
        made.grantable = frozenset(name for name, one in BY_NAME.items() if request.user.has_perm(one.permission))
        return made

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        is_over = isinstance(obj, ApiKey) and obj.revoked_at is not None
        return not is_over and super().has_change_permission(request, obj)

    def has_delete_permission(self, _request: HttpRequest, _obj: ApiKey | None = None) -> bool:
        # a key is revoked: what it was stays to be read
        return False

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        may = bool(request.user.has_perm("campaigns.change_apikey"))
        return may and (object_id is None or not ApiKey.objects.filter(pk=object_id, revoked_at__isnull=False).exists())

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        secret = "" if change else keys.give_secret(obj)
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
        keys.forget()
        if secret:
            messages.warning(request, f"The key, shown this once. Copy it to where it is used: {secret}")

    def response_add(self, _request: HttpRequest, obj: ApiKey, _post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(page_of_key(obj.pk))

    @action(
        description="Revoke",
        icon="key_off",
        permissions=["revoke"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Revoke this key for good?",
            "danger": True,
            "description": "Programs that use it are refused within seconds. It cannot be brought back.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        key = find(ApiKey, object_id)
        if keys.revoke(key.pk):
            self.log_change(request, key, "Revoked.")
            messages.success(request, "The key is revoked.")
        return finish(request, page_of_key(key.pk))

    @display(description="Begins with")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"mm_{key.prefix}_…"

    @display(description="State", label=STATE_VARIANTS)
    def state(self, key: ApiKey) -> tuple[str, str]:
        return state_of(key), state_of(key).capitalize()

    @display(description="State")
    def state_in_words(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return f"Revoked on {date_format(timezone.localtime(key.revoked_at), 'j F Y, H:i')}"
        return state_of(key).capitalize()

    @display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes[:4]) + (" …" if len(key.scopes) > 4 else "")


def state_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    is_over = key.expires_at is not None and key.expires_at <= timezone.now()
    return "expired" if is_over else "active"


def page_of_key(key_id: int) -> str:
    return reverse("admin:campaigns_apikey_change", args=[key_id])
