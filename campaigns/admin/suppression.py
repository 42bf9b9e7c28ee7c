"""Addresses and domains that are never mailed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from email_validator import EmailNotValidError, validate_email
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns import addresses
from campaigns.admin.base import KeysetModelAdmin
from campaigns.models import Suppression

REASON_VARIANTS = {
    "hard_bounce": "warning", "soft_bounces": "warning", "complaint": "danger", "unsubscribe": "default",
    "manual": "info", "imported": "info",
}  # fmt: skip
Kind = Suppression.Kind


def read_value(text: str) -> tuple[str, str]:
    """The kind and the normalised form of what a person typed. Raises forms.ValidationError with the cure."""
    text = text.strip().lower()
    local, _, domain = text.rpartition("@")
    if local:
        try:
            return Kind.ADDRESS, addresses.normalise(text)
        except addresses.AddressInvalid as error:
            raise forms.ValidationError(str(error)) from error
    try:
        found = validate_email(f"somebody@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise forms.ValidationError("Write an address (somebody@example.com) or a domain (example.com).") from error
    return Kind.DOMAIN, found.ascii_domain


class SuppressionForm(forms.ModelForm):
    value = forms.CharField(
        label="Address or domain",
        max_length=254,
        widget=UnfoldAdminTextInputWidget(),
        help_text="somebody@example.com for one address, example.com for everybody at that domain.",
    )

    class Meta:
        model = Suppression
        fields = ("value", "source")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "value" not in values:
            return values
        try:
            kind, value = read_value(values["value"])
        except forms.ValidationError as error:
            self.add_error("value", error)
            return values
        digest = addresses.digest(value)
        if Suppression.objects.filter(kind=kind, digest=digest).exists():
            self.add_error("value", f"{value} is suppressed already.")
        self.instance.kind, self.instance.digest = kind, digest
        self.instance.reason = Suppression.Reason.MANUAL
        values["value"] = value
        return values


@admin.register(Suppression)
class SuppressionAdmin(KeysetModelAdmin):
    form = SuppressionForm
    list_display = ("shown_value", "kind", "reason_badge", "source", "created_at")
    list_filter = (("kind", ChoicesDropdownFilter), ("reason", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("value",)
    search_help_text = "Whole address or domain"

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        # by the hash, which also finds an address of which only the hash is stored
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        try:
            _, value = read_value(term)
        except forms.ValidationError:
            return queryset.none(), False
        domain = addresses.domain_of(value)
        return queryset.filter(
            Q(digest=addresses.digest(value)) | Q(kind=Kind.DOMAIN, digest=addresses.digest(domain))
        ), False

    def has_change_permission(self, _request: HttpRequest, _obj: Suppression | None = None) -> bool:
        # there is nothing to edit: a suppression is added, or released
        return False

    def get_fields(self, _request: HttpRequest, obj: Suppression | None = None) -> tuple[str, ...]:
        return ("value", "source") if obj is None else ("shown_value", "kind", "reason", "source", "created_at")

    def get_readonly_fields(self, _request: HttpRequest, obj: Suppression | None = None) -> tuple[str, ...]:
        return () if obj is None else ("shown_value", "kind", "reason", "source", "created_at")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            # Django's own action: it asks on a page of its own before anything is released
            function, name, _ = actions["delete_selected"]
            actions["delete_selected"] = (function, name, "Release: allow mail again")
        return actions

    @display(description="Address or domain")
    def shown_value(self, suppression: Suppression) -> str:
        return suppression.value or f"only the hash is stored ({suppression})"

    @display(description="Reason", label=REASON_VARIANTS)
    def reason_badge(self, suppression: Suppression) -> tuple[str, str]:
        return suppression.reason, suppression.get_reason_display()
