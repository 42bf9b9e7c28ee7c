"""The webhooks of a provider: the address to paste at the ESP, its secret, and whether anything comes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE as CHANGED
from django.contrib.admin.models import LogEntry
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminPasswordWidget

from campaigns import crypto
from campaigns.admin.base import demand, find, render_page
from delivery.admin.provider_panels import register_provider_panel
from delivery.models import Provider
from tracking.webhooks import secrets, state
from tracking.webhooks.kinds import KINDS, WebhookKind, kinds_of

VIEW, CHANGE = "delivery.view_provider", "delivery.change_provider"


class KeyForm(forms.Form):
    """A key goes in and never comes out again."""

    key = forms.CharField(
        max_length=4000,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Stored encrypted and never shown again. A new one takes the place of the stored one.",
    )

    def __init__(self, kind: WebhookKind, data: Any = None) -> None:
        super().__init__(data)
        self.fields["key"].label = kind.key_name


def webhook_panel(request: HttpRequest, provider: Provider) -> str:
    """The box on the provider's page."""
    kinds = kinds_of(provider)
    if not kinds:
        return ""
    states = state.of_provider(provider.pk)
    rows = [
        {
            "kind": kind,
            "url": _page(provider, kind),
            "has_secret": _has_secret(provider, kind),
            "state": states.get(kind.name),
        }
        for kind in kinds
    ]
    is_relay = provider.kind == Provider.Kind.SMTP
    shown = [row for row in rows if row["has_secret"] or row["state"]] if is_relay else rows
    others = [row for row in rows if row not in shown]
    return render_to_string("admin/tracking/esp_webhook/panel.html", {"rows": shown, "others": others}, request)


@require_http_methods(["GET", "POST"])
def webhook_page(request: HttpRequest, provider_id: int, esp: str) -> HttpResponse:
    """What to click at the ESP; a POST stores a key, makes a password (shown this once), or shuts the address."""
    demand(request, CHANGE if request.method == "POST" else VIEW)
    provider = find(Provider, provider_id)
    kind = KINDS.get(esp)
    if kind is None or kind not in kinds_of(provider):
        raise Http404("This provider has no such webhook.")
    form = KeyForm(kind, request.POST if request.POST.get("action") == "key" else None)
    shown_once = ""
    if request.method == "POST":
        secret = _wanted(request, kind, form)
        if secret is not None and _store(request, provider, kind, form, secret):
            if not (secret and kind.proof == "password"):
                return HttpResponseRedirect(_page(provider, kind))
            shown_once = secrets.address(provider.pk, kind, secret)
    context = {
        "provider": provider,
        "kind": kind,
        "form": form,
        "address": shown_once or secrets.address(provider.pk, kind),
        "shown_once": bool(shown_once),
        "has_secret": _has_secret(provider, kind),
        "state": state.of_provider(provider.pk).get(kind.name),
        "may_change": request.user.has_perm(CHANGE),
        "back": reverse("admin:delivery_provider_change", args=[provider.pk]),
    }
    title = f"Webhook of {kind.label}"
    return render_page(request, "admin/tracking/esp_webhook/page.html", title=title, **context)


def _wanted(request: HttpRequest, kind: WebhookKind, form: KeyForm) -> str | None:
    """The secret that a POST asks for, "" to take it away, None where the form is wrong."""
    action = request.POST.get("action")
    if action == "shut":
        return ""
    if kind.proof == "password" and action == "password":
        return secrets.new_password()
    return secrets.tidied(kind, form.cleaned_data["key"]) if form.is_valid() else None


def _store(request: HttpRequest, provider: Provider, kind: WebhookKind, form: KeyForm, secret: str) -> bool:
    try:
        secrets.set_secret(provider.pk, kind, secret)
    except ValueError as error:
        form.add_error("key", str(error))
        return False
    except crypto.SecretUnreadable as error:
        messages.error(request, f"{error} Save the provider's own credentials anew first.")
        return False
    words = f"The webhook of {kind.label} is {'open: it has a new secret' if secret else 'shut'}."
    LogEntry.objects.log_actions(request.user.pk or 0, [provider], CHANGED, change_message=words, single_object=True)
    messages.success(request, words)
    provider.refresh_from_db()
    return True


def _has_secret(provider: Provider, kind: WebhookKind) -> bool:
    try:
        return bool(secrets.secret_of(provider, kind))
    except crypto.SecretUnreadable:
        return False


def _page(provider: Provider, kind: WebhookKind) -> str:
    return reverse("tracking_esp_webhook", args=[provider.pk, kind.name])


register_provider_panel(webhook_panel)
