"""Sending domains: their pool and return path, the records to publish, and what DNS says. No private key is shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST
from unfold.decorators import display

from campaigns import crypto
from campaigns.admin.base import demand, find, finish, guarded
from delivery import dns_check, domain_keys, domains
from delivery.admin.domain_actions import CHANGE, DomainActions, page_of_domain
from delivery.engine.dkim_keys import KeyUnusable, quoted_strings
from delivery.models import SendingDomain

STATES = {"ok": "OK", "warning": "Warning", "error": "Error", "unknown": "Unknown", "": "Not checked"}
VARIANTS = {"ok": "success", "warning": "warning", "error": "danger", "unknown": "", "": ""}
LABELS = {STATES[state]: variant for state, variant in VARIANTS.items()}
SUMMARIES = {
    "ok": ("success", "The last DNS check found everything as it should be."),
    "warning": ("info", "The last DNS check found things to look at; see below."),
    "error": ("error", "The last DNS check found errors; see below."),
    "unknown": ("warning", "DNS could not be asked about everything; what is unknown says nothing against the domain."),
}


class DomainForm(forms.ModelForm):
    class Meta:
        model = SendingDomain
        fields = ("domain", "pool", "bounce_domain")
        help_texts = {"domain": "Of From addresses, such as news.example.com. Its subdomains are covered too."}

    def clean_domain(self) -> str:
        return _domain_of(self.cleaned_data["domain"])

    def clean_bounce_domain(self) -> str:
        typed = self.cleaned_data["bounce_domain"]
        return _domain_of(typed) if typed.strip() else ""


def _domain_of(text: str) -> str:
    try:
        return domains.ascii_domain(text)
    except domains.DomainInvalid as error:
        raise forms.ValidationError(str(error)) from error


@admin.register(SendingDomain)
class SendingDomainAdmin(DomainActions):
    form = DomainForm
    list_display = ("domain", "signing_badge", "dns_badge", "checked", "pool", "pause")
    list_select_related = ("pool",)
    sortable_by = ("domain",)
    search_fields = ("domain",)
    search_help_text = "Search by domain"
    actions = None
    fields = ("domain", "pool", "bounce_domain")
    change_form_template = "admin/delivery/domain/change_form.html"

    def get_readonly_fields(self, _request: HttpRequest, obj: SendingDomain | None = None) -> tuple[str, ...]:
        # its keys were made for this name, and published under it
        return ("domain",) if obj else ()

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:object_id>/dns/", guarded(dns_view), name="delivery_sendingdomain_dns")]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: SendingDomain, form: DomainForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            self.message_user(request, "The domain is there. Generate its key next, and publish the record.")

    def response_add(self, request: HttpRequest, obj: SendingDomain, *_args: Any) -> Any:
        """On to the domain's own page: that is where the work is."""
        return finish(request, page_of_domain(obj.pk))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        domain: SendingDomain | None = kwargs.get("obj")
        if domain is not None:
            context.update(page_context(domain))
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description="DKIM", label={"Signs": "success", "Ready": "info", "No key": ""})
    def signing_badge(self, domain: SendingDomain) -> str:
        return "Signs" if domain.is_signing else "Ready" if domain.dkim_selector else "No key"

    @display(description="DNS", label=LABELS)
    def dns_badge(self, domain: SendingDomain) -> str:
        return STATES[domain.dns_report.get("state", "")]

    @display(description="Checked", ordering="dns_checked_at")
    def checked(self, domain: SendingDomain) -> str:
        if domain.dns_checked_at is None:
            return "never"
        return date_format(timezone.localtime(domain.dns_checked_at), "j M Y, H:i")

    @display(description="Pause", label={"Paused": "warning"})
    def pause(self, domain: SendingDomain) -> str:
        return "Paused" if is_paused(domain) else ""


def is_paused(domain: SendingDomain) -> bool:
    return domain.paused_until is not None and domain.paused_until > timezone.now()


def page_context(domain: SendingDomain) -> dict[str, Any]:
    """What the page of a domain shows beside its form."""
    try:
        records, closed = domain_keys.records(domain), ""
    except (crypto.SecretUnreadable, KeyUnusable) as error:
        records, closed = [], f"The stored keys cannot be opened. {error}"
    report = domain.dns_report
    return {
        "records": records,
        "closed": closed,
        "is_paused": is_paused(domain),
        "dns_state": STATES[report.get("state", "")],
        "dns_variant": VARIANTS[report.get("state", "")],
        "dns_lines": [_shown(line) for line in report.get("lines", [])],
    }


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """A line of a report with its badge; TXT values also in the strings of zone files."""
    paste = line.get("paste")
    if paste and paste["kind"] == "TXT":
        paste = {**paste, "quoted": quoted_strings(paste["value"])}
    return {**line, "paste": paste, "badge": STATES[line["state"]], "variant": VARIANTS[line["state"]]}


@require_POST
def dns_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """Ask DNS and keep what it says. POST: it changes the report, and may put a confirmed key to use."""
    demand(request, CHANGE)
    domain = find(SendingDomain, object_id)
    before = domain.dkim_selector
    report = dns_check.check_domain(domain_id=domain.pk)
    level, words = SUMMARIES[report["state"]]
    getattr(messages, level)(request, words)
    domain.refresh_from_db()
    if domain.dkim_selector != before:
        messages.success(request, "The record of the new key is confirmed: it signs now. Leave the old one for a week.")
    return finish(request, page_of_domain(domain.pk))
