"""Mailboxes that bounces arrive in. A password goes in and never comes out again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminPasswordWidget

from campaigns import crypto
from campaigns.admin.base import find, finish
from tracking.inbound import mailbox
from tracking.models import MailAccount

CHANGE = "tracking.change_mailaccount"
KEPT = "Stored encrypted and never shown again. Leave empty to keep the stored one."


class MailAccountForm(forms.ModelForm):
    password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=KEPT,
    )

    class Meta:
        model = MailAccount
        fields = (
            "name", "protocol", "host", "port", "security", "username", "password", "folder", "keeps_messages",
            "is_active",
        )  # fmt: skip
        help_texts = {"port": "Usually 993 for IMAP and 995 for POP3 with TLS; 143 and 110 with STARTTLS."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored_server = (self.instance.host, self.instance.port) if self.instance.pk else None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        values["host"] = (values.get("host") or "").strip()
        if values.get("keeps_messages") and values.get("protocol") == MailAccount.Protocol.POP3:
            self.add_error("keeps_messages", "POP3 cannot mark messages as read: they are deleted.")
        server = (values["host"], values.get("port"))
        if not values.get("password") and self._stored_server != server:
            # else whoever may change an account could have its password sent to a server of his own
            self.add_error("password", "Another server needs the password typed." if self.instance.pk else "Needed.")
        return values

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("password"):
            self.instance.password = self.cleaned_data["password"]
        return super().save(commit)


@admin.register(MailAccount)
class MailAccountAdmin(ModelAdmin):
    form = MailAccountForm
    list_display = ("name", "server", "state_badge", "last_visit_at", "taken", "last_error")
    sortable_by = ("name",)
    actions_detail = ("visit_now",)
    warn_unsaved_form = True
    fieldsets = (
        ("Mailbox", {"fields": ("name", "is_active")}),
        ("Server", {"fields": ("protocol", ("host", "port"), "security", "username", "password")}),
        ("Messages", {"fields": ("folder", "keeps_messages")}),
    )

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    @display(description="Server")
    def server(self, account: MailAccount) -> str:
        return f"{account.get_protocol_display()} {account.host}:{account.port}"

    @display(description="State", label={"at work": "success", "in trouble": "danger", "off": "default"})
    def state_badge(self, account: MailAccount) -> str:
        if not account.is_active:
            return "off"
        return "in trouble" if account.last_error else "at work"

    @action(
        description="Empty it now",
        icon="mark_email_read",
        permissions=["operate"],
        dialog={
            "title": "Take the messages now?",
            "description": "Otherwise it happens every minute. At most two hundred are taken at once.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Take them",
        },
    )
    def visit_now(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        account = find(MailAccount, object_id)
        try:
            visit = mailbox.visit(account.pk)
        except crypto.SecretUnreadable as error:
            messages.error(request, str(error))
        else:
            say = messages.error if visit.error else messages.success
            say(request, visit.error or f"{visit.taken} messages taken.")
        return finish(request, reverse("admin:tracking_mailaccount_change", args=[account.pk]))
