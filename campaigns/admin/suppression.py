"""Addresses and domains that are never mailed: searched, added, released with a reason, exported."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from campaigns import addresses
from campaigns.admin.base import KeysetModelAdmin, find, finish
from campaigns.admin.csv_file import file_response
from campaigns.models import Suppression, SuppressionRelease
from campaigns.suppression.add import Entry, add
from campaigns.suppression.export import export_rows
from campaigns.suppression.release import DELICATE, release
from campaigns.suppression.values import ValueReader, ValueUnclear

REASON_VARIANTS = {
    "hard_bounce": "warning", "soft_bounces": "warning", "complaint": "danger", "unsubscribe": "default",
    "manual": "info", "imported": "info",
}  # fmt: skip
Kind = Suppression.Kind
RELEASE = "campaigns.delete_suppression"
DETAILS = ("shown_value", "kind", "reason", "source", "created_at", "unsubscribed_at")


def read_value(text: str) -> Entry:
    """What a person typed, as an entry added by hand. Raises forms.ValidationError with the cure."""
    try:
        return ValueReader().read(text, Suppression.Reason.MANUAL)
    except ValueUnclear as error:
        raise forms.ValidationError(str(error)) from error


class SuppressionForm(forms.ModelForm):
    value = forms.CharField(
        label="Address or domain",
        max_length=254,
        widget=UnfoldAdminTextInputWidget(),
        help_text="somebody@example.com for one address, example.com for everybody at exactly that domain, or the "
        "SHA-256 hash of an address.",
    )

    class Meta:
        model = Suppression
        fields = ("value", "source")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "value" not in values:
            return values
        try:
            entry = read_value(values["value"])
        except forms.ValidationError as error:
            self.add_error("value", error)
            return values
        if Suppression.objects.filter(kind=entry.kind, digest=entry.digest).exists():
            self.add_error("value", f"{entry.value or 'This hash'} is suppressed already.")
        self.instance.kind, self.instance.digest, self.instance.reason = entry.kind, entry.digest, entry.reason
        values["value"] = entry.value
        return values


class ReleaseForm(BaseDialogForm):
    """Why; and a second yes where the address bounced or its owner complained."""

    why = forms.CharField(label="Why may it be mailed again?", max_length=300, widget=UnfoldAdminTextInputWidget())
    and_unsubscribe = forms.BooleanField(
        label="The unsubscribe of before is taken back too", required=False, widget=UnfoldBooleanWidget()
    )
    sure = forms.BooleanField(required=False, widget=UnfoldBooleanWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.suppression = find(Suppression, self.object_id)
        if self.suppression.unsubscribed_at is None or self.suppression.reason == Suppression.Reason.UNSUBSCRIBE:
            del self.fields["and_unsubscribe"]
        if self.suppression.reason in DELICATE:
            words = self.suppression.get_reason_display().lower()
            self.fields["sure"].label = f"I know that this was a {words}, and that mail to it may harm our name"
        else:
            del self.fields["sure"]

    def clean_sure(self) -> bool:
        if not self.cleaned_data["sure"]:
            raise forms.ValidationError("Tick this box if you are sure, or leave the address where it is.")
        return True


@admin.register(Suppression)
class SuppressionAdmin(KeysetModelAdmin):
    form = SuppressionForm
    list_display = ("shown_value", "kind", "reason_badge", "source", "created_at")
    list_filter = (("kind", ChoicesDropdownFilter), ("reason", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("value",)
    search_help_text = "Whole address, domain or hash"
    actions = None
    actions_list = ("import_file", "export", "releases")
    actions_detail = ("release",)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        # by the hash, which also finds an address of which only the hash is stored
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            entry = read_value(term)
        except forms.ValidationError:
            return queryset.none(), False
        return queryset.filter(_covers(entry)), False

    def save_model(self, request: HttpRequest, obj: Suppression, _form: SuppressionForm, _change: bool) -> None:
        entry = Entry(obj.kind, bytes(obj.digest), obj.value, obj.reason)
        add([entry], source=obj.source or f"by {request.user.get_username()}")
        # the log of changes wants its number
        obj.pk = Suppression.objects.get(kind=entry.kind, digest=entry.digest).pk

    def has_change_permission(self, _request: HttpRequest, _obj: Suppression | None = None) -> bool:
        # there is nothing to edit: a suppression is added, or released
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Suppression | None = None) -> bool:
        # by a dialog that asks why, and leaves a row that says so
        return False

    def has_release_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(RELEASE)

    def has_import_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("campaigns.add_suppressionimport")

    def get_fields(self, _request: HttpRequest, obj: Suppression | None = None) -> tuple[str, ...]:
        return ("value", "source") if obj is None else DETAILS

    def get_readonly_fields(self, _request: HttpRequest, obj: Suppression | None = None) -> tuple[str, ...]:
        return () if obj is None else DETAILS

    @action(description="Import", icon="upload_file", permissions=["import"], url_path="import-file")
    def import_file(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:campaigns_suppressionimport_changelist"))

    @action(description="Export", icon="download", permissions=["view"], url_path="export")
    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        chosen = {name: request.GET.get(f"{name}__exact", "") for name in ("reason", "kind")}
        return file_response("suppressions.csv", export_rows(**chosen, for_spreadsheet=True))

    @action(description="Releases", icon="history", permissions=["view"], url_path="releases")
    def releases(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:campaigns_suppressionrelease_changelist"))

    @action(
        description="Release",
        icon="lock_open",
        permissions=["release"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Allow mail again?",
            "danger": True,
            "description": "Who released it, when and why is kept.",
            "form_class": ReleaseForm,
            "form_submit_text": "Release",
        },
    )
    def release(self, request: HttpRequest, form: ReleaseForm, object_id: str) -> HttpResponse:
        row = find(Suppression, object_id)
        released = release(
            row.pk,
            by=request.user.get_username(),
            why=form.cleaned_data["why"],
            and_unsubscribe=form.cleaned_data.get("and_unsubscribe", False),
        )
        if released:
            self.log_change(request, row, "Released.")
            messages.success(request, f"{self.shown_value(row)} is released.")
        else:
            messages.warning(request, "It was released already.")
        return finish(request, reverse("admin:campaigns_suppression_changelist"))

    @display(description="Address or domain")
    def shown_value(self, suppression: Suppression) -> str:
        return suppression.value or f"only the hash is stored ({suppression})"

    @display(description="Reason", label=REASON_VARIANTS)
    def reason_badge(self, suppression: Suppression) -> tuple[str, str]:
        return suppression.reason, suppression.get_reason_display()


def _covers(entry: Entry) -> Q:
    """What forbids mail to it: the thing itself, and of an address its domain."""
    found = Q(digest=entry.digest)
    if entry.kind == Kind.ADDRESS:
        found |= Q(kind=Kind.DOMAIN, digest=addresses.digest(addresses.domain_of(entry.value)))
    return found


@admin.register(SuppressionRelease)
class SuppressionReleaseAdmin(KeysetModelAdmin):
    """What was released, by whom and why. Nothing here is changed or deleted."""

    list_display = ("shown_value", "reason_badge", "released_by", "why", "released_at")
    search_fields = ("value",)
    search_help_text = "Whole address, domain or hash"
    actions = None
    fields = ("shown_value", "kind", "reason", "source", "suppressed_at", "released_at", "released_by", "why")

    def get_readonly_fields(self, _request: HttpRequest, _obj: SuppressionRelease | None = None) -> tuple[str, ...]:
        return self.fields

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: SuppressionRelease | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: SuppressionRelease | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, _obj: SuppressionRelease | None = None) -> bool:
        return request.user.has_perm("campaigns.view_suppression")

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[SuppressionRelease], search_term: str
    ) -> tuple[QuerySet[SuppressionRelease], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            return queryset.filter(digest=read_value(search_term).digest), False
        except forms.ValidationError:
            return queryset.none(), False

    @display(description="Address or domain")
    def shown_value(self, row: SuppressionRelease) -> str:
        return row.value or f"only the hash is stored ({row})"

    @display(description="Was suppressed for", label=REASON_VARIANTS)
    def reason_badge(self, row: SuppressionRelease) -> tuple[str, str]:
        return row.reason, row.get_reason_display()
