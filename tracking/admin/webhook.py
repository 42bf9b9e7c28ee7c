"""Webhooks of other programs, and what became of each delivery. A secret is shown once and never again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm

from campaigns.admin.base import KeysetModelAdmin, find, finish, rows_with
from campaigns.admin.rows import NeverEdited
from tracking.admin.webhook_form import WebhookForm
from tracking.hooks import endpoints
from tracking.models import WebhookDelivery, WebhookEndpoint

CHANGE = "tracking.change_webhookendpoint"
STATE_VARIANTS = {"active": "success", "failing": "warning", "disabled": "danger", "off": "default"}
DELIVERY_VARIANTS = {"waiting": "warning", "delivered": "success", "failed": "danger"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    form = WebhookForm
    list_display = ("name", "address", "state", "kind_list")
    sortable_by = ("name",)
    search_fields = ("name", "url")
    search_help_text = "Search by name or address"
    actions = None
    actions_detail = ("see_deliveries", "send_test", "new_secret", "enable_again", "resend_failed")
    fieldsets = (
        (None, {"fields": ("name", "url", "is_active")}),
        ("Which events", {"fields": ("kinds", "people_only")}),
        ("Only of", {"fields": ("stream", "tags")}),
    )
    shown = ("state_shown", "disabled_because", "failing_since", "created_at")

    def get_fieldsets(self, _request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        return self.fieldsets if obj is None else (*self.fieldsets, ("How it goes", {"fields": self.shown}))

    def get_readonly_fields(self, _request: HttpRequest, obj: WebhookEndpoint | None = None) -> tuple[str, ...]:
        return () if obj is None else self.shown

    def has_operate_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm(CHANGE)

    def has_enable_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        rows = rows_with(WebhookEndpoint, object_id)
        return request.user.has_perm(CHANGE) and rows.filter(disabled_at__isnull=False).exists()

    def has_deliveries_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        return request.user.has_perm("tracking.view_webhookdelivery")

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            show_secret(request, endpoints.create(obj))

    def response_add(
        self, _request: HttpRequest, obj: WebhookEndpoint, _post_url_continue: str | None = None
    ) -> HttpResponse:
        return HttpResponseRedirect(page_of(obj.pk))

    @action(description="Deliveries", icon="list", permissions=["deliveries"])
    def see_deliveries(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        """Only leads there: nothing is changed."""
        find(WebhookEndpoint, object_id)
        log = reverse("admin:tracking_webhookdelivery_changelist")
        return HttpResponseRedirect(f"{log}?endpoint__id__exact={int(object_id)}")

    @action(
        description="Send a test",
        icon="send",
        permissions=["operate"],
        dialog={
            "title": "Post a test event?",
            "description": "It goes to the saved address within seconds; the deliveries show what it answers.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Post",
        },
    )
    def send_test(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        delivery = endpoints.send_test(find(WebhookEndpoint, object_id), request.user.get_username())
        messages.success(request, "The test is on its way. Load this page again in a moment to see the answer.")
        return finish(request, reverse("admin:tracking_webhookdelivery_change", args=[delivery.pk]))

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
    def new_secret(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        endpoint = find(WebhookEndpoint, object_id)
        show_secret(request, endpoints.rotate(endpoint))
        self.log_change(request, endpoint, "A new signing secret.")
        return finish(request, page_of(endpoint.pk))

    @action(
        description="Enable again",
        icon="play_arrow",
        permissions=["enable"],
        dialog={
            "title": "Post to this address again?",
            "description": "What still waits is posted first. What was given up can be sent again by itself.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Enable",
        },
    )
    def enable_again(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        endpoint = find(WebhookEndpoint, object_id)
        if endpoints.enable(endpoint.pk):
            self.log_change(request, endpoint, "Enabled again.")
            messages.success(request, "The webhook is enabled again.")
        return finish(request, page_of(endpoint.pk))

    @action(
        description="Send failed again",
        icon="replay",
        permissions=["operate"],
        dialog={
            "title": "Post everything again that was given up?",
            "description": "With the ids and bodies that they had. Deliveries are kept for two weeks.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Post again",
        },
    )
    def resend_failed(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        endpoint = find(WebhookEndpoint, object_id)
        count = endpoints.resend_failed(endpoint.pk)
        messages.success(request, f"{count:,} deliveries are posted again." if count else "None was given up.")
        return finish(request, page_of(endpoint.pk))

    @display(description="Address")
    def address(self, endpoint: WebhookEndpoint) -> str:
        # the beginning tells them apart; the whole stands on its page
        return truncatechars(endpoint.url, 50)

    @display(description="State", label=STATE_VARIANTS)
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        if endpoint.disabled_at:
            return "disabled", "Disabled"
        if not endpoint.is_active:
            return "off", "Off"
        return ("failing", "Failing") if endpoint.failures else ("active", "Active")

    @display(description="State")
    def state_shown(self, endpoint: WebhookEndpoint) -> str:
        return self.state(endpoint)[1]

    @display(description="Events")
    def kind_list(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.kinds[:4]) + (" …" if len(endpoint.kinds) > 4 else "")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(NeverEdited, KeysetModelAdmin):
    list_display = ("created_at", "kind", "endpoint", "state_badge", "status", "tried", "error")
    list_filter = ("state", "kind", "endpoint")
    list_select_related = ("endpoint",)
    actions = None
    actions_detail = ("send_again",)
    fields = (
        "created_at", "endpoint", "kind", "event_id", "state_shown", "tried", "tried_at", "due_at", "status", "seconds",
        "error", "answer_shown", "body_shown",
    )  # fmt: skip

    def get_readonly_fields(self, _request: HttpRequest, _obj: Any = None) -> tuple[str, ...]:
        return self.fields

    def has_resend_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        is_settled = rows_with(WebhookDelivery, object_id).filter(due_at=None).exists()
        return request.user.has_perm(CHANGE) and is_settled

    @action(
        description="Send again",
        icon="replay",
        permissions=["resend"],
        dialog={
            "title": "Post this event again?",
            "description": "With the id and the body that it had; a receiver that has it already can tell.",
            "form_class": BaseDialogForm,
            "form_submit_text": "Post again",
        },
    )
    def send_again(self, request: HttpRequest, _form: BaseDialogForm, object_id: str) -> HttpResponse:
        delivery = find(WebhookDelivery, object_id)
        if endpoints.resend([delivery.pk]):
            messages.success(request, "The event is posted again within seconds.")
        return finish(request, reverse("admin:tracking_webhookdelivery_change", args=[delivery.pk]))

    @display(description="State", label=DELIVERY_VARIANTS)
    def state_badge(self, delivery: WebhookDelivery) -> tuple[str, str]:
        if delivery.state == "waiting" and delivery.tried and delivery.due_at:
            return "waiting", f"Again {date_format(timezone.localtime(delivery.due_at), 'j M, H:i:s')}"
        return delivery.state, delivery.get_state_display()

    @display(description="State")
    def state_shown(self, delivery: WebhookDelivery) -> str:
        return self.state_badge(delivery)[1]

    @display(description="Answer")
    def answer_shown(self, delivery: WebhookDelivery) -> SafeString | str:
        return code(delivery.answer) if delivery.answer else "None"

    @display(description="Body")
    def body_shown(self, delivery: WebhookDelivery) -> SafeString:
        return code(json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False))


def code(text: str) -> SafeString:
    return format_html('<pre class="mm-code">{}</pre>', text)


def page_of(endpoint_id: int) -> str:
    return reverse("admin:tracking_webhookendpoint_change", args=[endpoint_id])


def show_secret(request: HttpRequest, secret: str) -> None:
    messages.warning(request, f"The webhook's signing secret, shown this once. Keep it in your receiver: {secret}")
