"""Who is told of trouble, and how: one row, opened directly. The webhook's secret is shown once and never again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from campaigns import addresses
from campaigns.admin.base import finish
from campaigns.admin.rows import OneRowAdmin
from delivery import alerts, outgoing
from delivery.models import Alert, AlertSettings

CHANGE = "delivery.change_alertsettings"
MAX_ADDRESSES = 20


class AlertSettingsForm(forms.ModelForm):
    webhook_url = forms.CharField(
        label="Webhook address",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "url", "placeholder": "https://hooks.example.com/massmailer"}),
        help_text="Alerts are posted here as JSON, signed. Empty: no posts.",
    )

    class Meta:
        model = AlertSettings
        fields = ("emails", "webhook_url", "dead_letter_threshold", "repeat_hours")
        widgets = {"emails": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def clean_emails(self) -> str:
        """One address a line, as it is stored everywhere."""
        found = dict.fromkeys(self._address(line) for line in self.cleaned_data["emails"].splitlines() if line.strip())
        if len(found) > MAX_ADDRESSES:
            raise forms.ValidationError(f"At most {MAX_ADDRESSES} addresses. Use a list of your mail server for more.")
        return "\n".join(found)

    def _address(self, line: str) -> str:
        try:
            return addresses.normalise(line)
        except addresses.AddressInvalid as error:
            raise forms.ValidationError(f"{line.strip()}: {error}") from error

    def _get_validation_exclusions(self) -> set[str]:
        # the sender's own rules decide; Django's would refuse the short names of a house's own machines
        return super()._get_validation_exclusions() | {"webhook_url"}  # type: ignore[misc]

    def clean_webhook_url(self) -> str:
        url = str(self.cleaned_data["webhook_url"]).strip()
        if url:
            try:
                outgoing.check_url(url)
            except outgoing.UrlRefused as error:
                raise forms.ValidationError(str(error)) from error
        return url


@admin.register(AlertSettings)
class AlertSettingsAdmin(OneRowAdmin):
    form = AlertSettingsForm
    warn_unsaved_form = True
    actions_detail = ("send_test", "new_secret")
    fieldsets = (
        ("By e-mail", {"fields": ("emails",)}),
        ("By webhook", {"fields": ("webhook_url",)}),
        ("When", {"fields": (("dead_letter_threshold", "repeat_hours"),)}),
    )

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    def save_model(self, request: HttpRequest, obj: AlertSettings, form: Any, change: bool) -> None:
        is_new = bool(obj.webhook_url) and not obj.sealed_webhook_secret
        if is_new:
            obj.webhook_secret = outgoing.new_secret()
        super().save_model(request, obj, form, change)
        if is_new:
            show_secret(request, obj.webhook_secret)

    @action(
        description="Send a test alert",
        icon="notifications_active",
        permissions=["operate"],
        dialog={
            "title": "Send a test alert?",
            "description": "Every address gets an e-mail, and the webhook a post, as the settings are saved now.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Send",
        },
    )
    def send_test(self, request: HttpRequest, _form: BaseDialogForm, **_object_id: str) -> HttpResponse:
        told = alerts.alert_settings()
        if not told.emails and not told.webhook_url:
            messages.warning(request, "Nobody would be told: save an address or a webhook first.")
            return finish(request, page_of_settings())
        say_what_became_of(request, alerts.send_test(by_name=request.user.get_username()))
        return finish(request, page_of_settings())

    @action(
        description="New secret",
        icon="key",
        permissions=["operate"],
        dialog={
            "title": "Make a new signing secret?",
            "description": "It is shown once. For a day posts carry both signatures, so that your receiver can change.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Make a new one",
        },
    )
    def new_secret(self, request: HttpRequest, _form: BaseDialogForm, **_object_id: str) -> HttpResponse:
        told, _ = AlertSettings.objects.get_or_create(pk=1)
        secret = outgoing.new_secret()
        told.replace_secret(secret, timezone.now())
        told.save(update_fields=["sealed_webhook_secret", "updated_at"])
        self.log_change(request, told, "A new signing secret.")
        show_secret(request, secret)
        return finish(request, page_of_settings())


def page_of_settings() -> str:
    return reverse("admin:delivery_alertsettings_change", args=[1])


def show_secret(request: HttpRequest, secret: str) -> None:
    messages.warning(request, f"The webhook's signing secret, shown this once. Keep it in your receiver: {secret}")


def say_what_became_of(request: HttpRequest, alert: Alert) -> None:
    """Each way on its own line."""
    if alert.emailed_at:
        messages.success(request, "The e-mails are on their way.")
    if alert.posted_at:
        messages.success(request, "The webhook took the post.")
    if alert.error:
        messages.error(request, f"The webhook did not take the post. {alert.error}" if alert.tried else alert.error)
