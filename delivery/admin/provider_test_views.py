"""Trying a provider out from its page: does it answer, and does one message leave?"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import CHANGE as CHANGED
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from unfold.forms import BaseDialogForm
from unfold.widgets import INPUT_CLASSES

from campaigns import addresses, crypto
from campaigns.admin.base import demand, find, finish
from delivery import provider_test, providers
from delivery.admin.provider_health import describe_report
from delivery.admin.provider_state import CHANGE
from delivery.engine.smtp import ProbeReport
from delivery.esp.report import EspReport
from delivery.models import Provider
from delivery.transactional import parse_mailbox

DIALOG = {
    "title": "Send me one",
    "description": "One real message through exactly this provider, as it is saved. Limits and pools are passed by.",
}


@require_POST
def test_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """Try the provider and say what came of it; no mail is sent. POST: it costs seconds and a log-in."""
    demand(request, CHANGE)
    provider = find(Provider, object_id)
    try:
        report = providers.check_connection(provider.pk)
    except crypto.SecretUnreadable as error:
        messages.error(request, f"{error} Put the old key back, or type the password again.")
    except ValueError as error:  # settings that cannot be used at all
        messages.error(request, str(error))
    else:
        if report.ok:
            messages.success(request, _words(report))
        else:
            messages.error(request, f"{provider.name} does not work yet. {report.error}")
    return finish(request, _page(provider))


class SendOneForm(BaseDialogForm):
    to = forms.CharField(label="To", max_length=254, widget=forms.EmailInput({"class": " ".join(INPUT_CLASSES)}))
    sender = forms.CharField(
        label="From",
        max_length=254,
        widget=forms.TextInput({"class": " ".join(INPUT_CLASSES)}),
        help_text="An address that the provider lets you send from.",
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["to"].initial = getattr(request.user, "email", "")

    def clean_to(self) -> str:
        return _checked(addresses.normalise, self.cleaned_data["to"])

    def clean_sender(self) -> str:
        _checked(parse_mailbox, self.cleaned_data["sender"])
        return str(self.cleaned_data["sender"])


def _checked(check: Any, text: str) -> Any:
    try:
        return check(text)
    except addresses.AddressInvalid as error:
        raise forms.ValidationError(str(error)) from error


@require_http_methods(["GET", "POST"])
def send_one_view(request: HttpRequest, object_id: int) -> HttpResponse:
    """The dialog on GET; on POST one message leaves, and the page says what became of it."""
    demand(request, CHANGE)
    provider = find(Provider, object_id)
    form = SendOneForm(data=request.POST or None, request=request, object_id=object_id)
    form.fields["sender"].initial = default_sender(provider)
    if request.method == "POST" and form.is_valid() and _send(request, form, provider):
        return finish(request, _page(provider))
    context = {"dialog": DIALOG, "form": form, "form_submit_text": "Send it now"}
    return render(request, "unfold/helpers/dialog.html", context)


def _send(request: HttpRequest, form: SendOneForm, provider: Provider) -> bool:
    try:
        report = provider_test.send_test(provider, to=form.cleaned_data["to"], sender=form.cleaned_data["sender"])
    except provider_test.TrialImpossible as error:
        form.add_error("to", str(error))
        return False
    # a message in anybody's name may leave here: whose it was stands in the history
    words = f"Sent one test message from {form.cleaned_data['sender']}."
    LogEntry.objects.log_actions(request.user.pk or 0, [provider], CHANGED, change_message=words, single_object=True)
    (messages.success if report.is_accepted else messages.error)(request, report.words)
    return True


def default_sender(provider: Provider) -> str:
    """The installation's sender, or one of the account's own domain where the account names one."""
    domain = provider.options.get("domain")
    return f"test@{domain}" if domain else str(settings.DEFAULT_FROM_EMAIL)


def _words(report: ProbeReport | EspReport) -> str:
    """A report that went well, in sentences a person understands."""
    if isinstance(report, ProbeReport):
        return describe_report(report)
    details = f": {report.details}" if report.details else ""
    return f"The key works{details}. The API answers in {report.latency_seconds * 1000:.0f} ms."


def _page(provider: Provider) -> str:
    return reverse("admin:delivery_provider_change", args=[provider.pk])
