"""What is done to a sending domain: keys, signing, the end of a pause. Each asks in a dialog, and its POST does it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldBooleanWidget

from campaigns import crypto
from campaigns.admin.base import find, finish, rows_with
from delivery import domain_keys, domains
from delivery.models import SendingDomain

CHANGE = "delivery.change_sendingdomain"


class KeyForm(BaseDialogForm):
    with_ed25519 = forms.BooleanField(
        label="An Ed25519 key beside it",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="A second, shorter signature. RSA is what every receiver reads; Ed25519 only some.",
    )


class SignForm(BaseDialogForm):
    """Signing is refused while DNS was not seen to have the record, unless the person says that it is there."""

    is_sure = forms.BooleanField(
        label="I am certain that the record is published",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="For a machine that cannot ask DNS. A wrong record makes receivers refuse the mail.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.domain = find(SendingDomain, self.object_id)
        if not domain_keys.unconfirmed(self.domain):
            del self.fields["is_sure"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        reason = domain_keys.why_not_sign(self.domain, is_sure=bool(values.get("is_sure")))
        if reason:
            raise forms.ValidationError(reason)
        return values


def page_of_domain(object_id: str | int) -> str:
    return reverse("admin:delivery_sendingdomain_change", args=[object_id])


def offered(domain: SendingDomain) -> set[str]:
    """The buttons that make sense for this domain now."""
    names = {"generate_key"}
    if domain.is_signing:
        names |= {"sign_off"}
        names |= {"use_next"} if _has_next(domain) else set()
    elif domain.dkim_selector:
        names |= {"sign_on"}
    if domain.paused_until and domain.paused_until > timezone.now():
        names |= {"resume"}
    return names


def _has_next(domain: SendingDomain) -> bool:
    try:
        return bool(domain.keys.get("next"))
    except crypto.SecretUnreadable:
        return False


class DomainActions(ModelAdmin):
    """Mixed into the domain's admin."""

    actions_detail = ("generate_key", "use_next", "sign_on", "sign_off", "resume")

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        domain = rows_with(SendingDomain, object_id).first()
        names = {f"delivery_sendingdomain_{name}" for name in offered(domain)} if domain else set()
        return [one for one in super().get_actions_detail(request, object_id) if one.action_name in names]

    def say(self, request: HttpRequest, object_id: str, words: str) -> HttpResponse:
        self.log_change(request, find(SendingDomain, object_id), words)
        messages.success(request, words)
        return finish(request, page_of_domain(object_id))

    @action(
        description="Generate key",
        icon="key",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Generate a DKIM key?",
            "description": "The private key stays here, encrypted; you get a record for DNS. A domain that signs "
            "goes on with its old key until the new record is confirmed. Otherwise the new key replaces the old one.",
            "form_class": KeyForm,
            "form_submit_text": "Generate",
        },
    )
    def generate_key(self, request: HttpRequest, form: KeyForm, object_id: str) -> HttpResponse:
        domain = find(SendingDomain, object_id)
        with_ed25519 = form.cleaned_data["with_ed25519"]
        try:
            domain_keys.generate(domain_id=domain.pk, today=timezone.localdate(), with_ed25519=with_ed25519)
        except crypto.SecretUnreadable as error:
            messages.error(request, f"{error} Put the old key back into ENCRYPTION_KEYS, or switch signing off first.")
            return finish(request, page_of_domain(object_id))
        return self.say(request, object_id, "The key is made. Publish its record, then check DNS.")

    @action(
        description="Use the new key now",
        icon="published_with_changes",
        permissions=["operate"],
        dialog={
            "title": "Sign with the new key now?",
            "description": "Checking DNS does this by itself when it finds the record. Do it here only where this "
            "machine cannot ask DNS and you are certain that the record is published. Leave the old one for a week.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Use the new key",
        },
    )
    def use_next(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        try:
            domain_keys.promote(domain_id=find(SendingDomain, object_id).pk)
        except crypto.SecretUnreadable as error:
            messages.error(request, str(error))
            return finish(request, page_of_domain(object_id))
        return self.say(request, object_id, "The new key signs now. Leave the old record in DNS for a week.")

    @action(
        description="Switch signing on",
        icon="verified",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Sign mail of this domain?",
            "description": "Every message that leaves over SMTP gets a DKIM signature, within seconds.",
            "form_class": SignForm,
            "form_submit_text": "Sign",
        },
    )
    def sign_on(self, request: HttpRequest, form: SignForm, object_id: str) -> HttpResponse:
        is_sure = bool(form.cleaned_data.get("is_sure"))
        try:
            domain_keys.switch_signing(domain_id=form.domain.pk, on=True, is_sure=is_sure)
        except domain_keys.SwitchRefused as error:  # somebody changed the key between the question and the answer
            messages.error(request, str(error))
            return finish(request, page_of_domain(object_id))
        return self.say(request, object_id, "Mail of this domain is signed from now on.")

    @action(
        description="Switch signing off",
        icon="gpp_bad",
        permissions=["operate"],
        variant=ActionVariant.WARNING,
        dialog={
            "title": "Stop signing mail of this domain?",
            "description": "Large receivers refuse bulk mail that is not signed. The key is kept.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Stop signing",
        },
    )
    def sign_off(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        domain_keys.switch_signing(domain_id=find(SendingDomain, object_id).pk, on=False)
        return self.say(request, object_id, "Mail of this domain is no longer signed.")

    @action(
        description="End the pause",
        icon="play_circle",
        permissions=["operate"],
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Send from this domain again?",
            "description": "Receivers refused its authentication. Put that right first, or they will refuse it again.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Send again",
        },
    )
    def resume(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        domains.resume(find(SendingDomain, object_id).domain)
        return self.say(request, object_id, "The pause is over.")
