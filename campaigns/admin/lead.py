"""Leads: millions of them, so every page here reads by an index and counts nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, TextFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns import mail_domains
from campaigns.admin import registry
from campaigns.admin.base import KeysetModelAdmin, find, finish
from campaigns.admin.fields import JSONTextField, TagsField
from campaigns.leads.erase import erase_lead
from campaigns.leads.portrait import as_json
from campaigns.models import Lead, ListMembership, MailingList, Topic

STATUS_VARIANTS = {
    "subscribed": "success", "pending": "info", "unsubscribed": "default", "bounced": "warning", "complained": "danger",
}  # fmt: skip
MAX_ATTRIBUTES_BYTES = 32 * 1024


class LanguageFilter(TextFilter):
    title = "language"
    parameter_name = "language"

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        return queryset.filter(language=self.value().strip().lower()) if self.value() else queryset


class TagFilter(TextFilter):
    title = "tag"
    parameter_name = "tag"

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        return queryset.filter(tags__contains=[self.value().strip()]) if self.value() else queryset


class ListFilter(DropdownFilter):
    title = "list"
    parameter_name = "list"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in MailingList.objects.values_list("pk", "name")[:500]]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal()):
            return queryset
        memberships = ListMembership.objects.filter(mailing_list_id=int(value[:18]), lead_id=OuterRef("pk"))
        return queryset.filter(Exists(memberships))


class LeadForm(forms.ModelForm):
    tags = TagsField(
        required=False, widget=UnfoldAdminTextInputWidget(), help_text="With commas between them: vip, newsletter."
    )
    attributes = JSONTextField(
        required=False,
        rows=10,
        help_text='A JSON object, such as {"city": "Lyon"}; in e-mails {{ lead.attributes.city }}.',
    )

    class Meta:
        model = Lead
        fields = ("email", "first_name", "last_name", "language", "time_zone", "status", "tags", "attributes")

    def clean_attributes(self) -> dict[str, Any]:
        attributes = self.cleaned_data["attributes"]
        if attributes in (None, ""):
            return {}
        if not isinstance(attributes, dict):
            raise forms.ValidationError('Attributes are a JSON object, such as {"city": "Lyon"}.')
        if len(str(attributes)) > MAX_ATTRIBUTES_BYTES:
            raise forms.ValidationError("These attributes are too long; 32 kB are the most that a lead can have.")
        return attributes

    def clean_language(self) -> str:
        return self.cleaned_data["language"].strip().lower()


def wishes_of(lead: Lead) -> list[str]:
    """What the person chose on the page of preferences, as sentences."""
    wishes = [
        f"Has declined the topic “{name}”."
        for name in Topic.objects.filter(pk__in=lead.declined_topics).values_list("name", flat=True)
    ]
    if lead.frequency_days:
        wishes.append(f"Wants at most one campaign in {lead.frequency_days} days.")
    if lead.paused_until and lead.paused_until > timezone.now():
        wishes.append(f"Wants nothing until {lead.paused_until:%d %B %Y}.")
    return wishes


# what a message said may be a password reset: whoever may see leads need not be able to read it
READ_MESSAGES = "delivery.view_messagecopy"
MESSAGE_WORDS = {"messages": ("data", "copy")}


@admin.register(Lead)
class LeadAdmin(KeysetModelAdmin):
    form = LeadForm
    list_display = ("email", "full_name", "status_badge", "language", "tag_list", "created_at")
    list_filter = (("status", ChoicesDropdownFilter), LanguageFilter, ListFilter, TagFilter)
    list_filter_submit = True
    search_fields = ("email",)
    search_help_text = "Address begins with…"
    actions = None
    actions_detail = ("export_data", "erase")
    change_form_template = "admin/campaigns/lead/change_form.html"
    fieldsets = (
        ("Person", {"fields": ("email", ("first_name", "last_name"), ("language", "time_zone"))}),
        ("Standing", {"fields": ("status", "tags")}),
        ("Attributes", {"fields": ("attributes",)}),
    )

    def save_model(self, request: HttpRequest, obj: Lead, form: LeadForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        mail_domains.settle_lead(obj)

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Lead], search_term: str
    ) -> tuple[QuerySet[Lead], bool]:
        # a prefix is found by the index on the address; a word in the middle would read the whole table
        term = search_term.strip().lower()
        return (queryset.filter(email__startswith=term) if term else queryset), False

    def has_delete_permission(self, _request: HttpRequest, _obj: Lead | None = None) -> bool:
        # leads are erased, with what hangs on them, and not deleted row by row
        return False

    def has_erase_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("campaigns.delete_lead")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse | HttpResponse:
        lead: Lead | None = kwargs.get("obj")
        if lead is not None:
            context["lead_sections"] = registry.lead_sections(request, lead)
            context["wishes"] = wishes_of(lead)
            context["consents"] = lead.consents.all()[:20]
            context["memberships"] = lead.memberships.select_related("mailing_list").order_by("mailing_list__name")
        return super().render_change_form(request, context, *args, **kwargs)

    @action(description="Export data", icon="download", permissions=["view"])
    def export_data(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Everything that is kept about the person, as a file. That it was fetched stands in the log."""
        lead = find(Lead, object_id)
        without = None if request.user.has_perm(READ_MESSAGES) else MESSAGE_WORDS
        response = HttpResponse(as_json(lead.email, without=without), content_type="application/json; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="person-{lead.pk}.json"'
        response.headers["Cache-Control"] = "no-store"
        self.log_change(request, lead, "Exported their data.")
        return response

    @action(
        description="Erase",
        icon="person_remove",
        permissions=["erase"],
        variant=ActionVariant.DANGER,
        dialog={
            "title": "Erase this person for good?",
            "danger": True,
            "description": "Name, address, attributes, tags, lists and consents are deleted. Records of e-mails, "
            "messages and events stay without anything that names the person. This cannot be undone.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Erase",
        },
    )
    def erase(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        lead = find(Lead, object_id)
        self.log_change(request, lead, "Erased.")
        erase_lead(lead_id=lead.pk)
        messages.success(request, "The person is erased.")
        return finish(request, reverse("admin:campaigns_lead_changelist"))

    @display(description="Name")
    def full_name(self, lead: Lead) -> str:
        return f"{lead.first_name} {lead.last_name}".strip() or "-"

    @display(description="Status", label=STATUS_VARIANTS)
    def status_badge(self, lead: Lead) -> tuple[str, str]:
        return lead.status, lead.get_status_display()

    @display(description="Tags")
    def tag_list(self, lead: Lead) -> str:
        return ", ".join(lead.tags[:6]) + (" …" if len(lead.tags) > 6 else "") or "-"
