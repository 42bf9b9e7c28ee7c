"""What operators were told: to be read, and posted again where the webhook was down."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import linebreaks_filter
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from campaigns.admin.base import KeysetModelAdmin, find, finish, rows_with
from campaigns.admin.rows import NeverEdited
from delivery import alerts
from delivery.models import Alert
from delivery.outgoing import MAX_TRIES

MAIL_VARIANTS = {"mailed": "success", "none": "default"}
POST_VARIANTS = {"posted": "success", "waiting": "warning", "given_up": "danger", "none": "default"}


@admin.register(Alert)
class AlertAdmin(NeverEdited, KeysetModelAdmin):
    list_display = ("created_at", "subject", "key", "mail_state", "post_state")
    search_fields = ("subject", "key")
    search_help_text = "Search by subject or key"
    actions = None
    actions_list = ("open_settings",)
    actions_detail = ("post_again",)
    fields = ("created_at", "subject", "text_shown", "link_shown", "key", "mail_shown", "post_shown", "tried", "error")

    def get_readonly_fields(self, _request: HttpRequest, _obj: Any = None) -> tuple[str, ...]:
        return self.fields

    def has_set_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("delivery.view_alertsettings")

    def has_post_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        is_lost = rows_with(Alert, object_id).filter(posted_at=None).exists()
        may = request.user.has_perm("delivery.change_alertsettings")
        return may and is_lost and bool(alerts.alert_settings().webhook_url)

    @action(description="Settings", icon="settings", permissions=["set"])
    def open_settings(self, _request: HttpRequest) -> HttpResponse:
        """Only leads there: nothing is changed."""
        return HttpResponseRedirect(reverse("admin:delivery_alertsettings_changelist"))

    @action(
        description="Post again",
        icon="send",
        permissions=["post"],
        dialog={
            "title": "Post this alert again?",
            "description": "It goes to the webhook within seconds, and is tried again as often as a new one.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Post again",
        },
    )
    def post_again(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        alert = find(Alert, object_id)
        if alerts.post_again(alert.pk):
            messages.success(request, "The alert is posted again within seconds.")
        else:
            messages.info(request, "There is nothing to post.")
        return finish(request, reverse("admin:delivery_alert_change", args=[alert.pk]))

    @display(description="E-mail", label=MAIL_VARIANTS)
    def mail_state(self, alert: Alert) -> tuple[str, str]:
        return ("mailed", "Queued") if alert.emailed_at else ("none", "Nobody")

    @display(description="E-mail")
    def mail_shown(self, alert: Alert) -> str:
        return self.mail_state(alert)[1]

    @display(description="Webhook")
    def post_shown(self, alert: Alert) -> str:
        return self.post_state(alert)[1]

    @display(description="Webhook", label=POST_VARIANTS)
    def post_state(self, alert: Alert) -> tuple[str, str]:
        if alert.posted_at:
            return "posted", "Posted"
        if alert.next_try_at:
            when = date_format(timezone.localtime(alert.next_try_at), "j M, H:i")
            return "waiting", f"Try {alert.tried + 1} of {MAX_TRIES}, {when}"
        return ("given_up", "Given up") if alert.tried else ("none", "None")

    @display(description="Text")
    def text_shown(self, alert: Alert) -> SafeString:
        # its paragraphs; what it quotes of servers is escaped
        return linebreaks_filter(alert.text, autoescape=True)

    @display(description="About")
    def link_shown(self, alert: Alert) -> SafeString | str:
        # a path of our own; anything else is shown as text
        is_path = alert.link.startswith("/") and not alert.link.startswith("//")
        return format_html('<a class="mm-link" href="{}">{}</a>', alert.link, alert.link) if is_path else alert.link
