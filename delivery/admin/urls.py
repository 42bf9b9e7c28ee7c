"""Pages of delivery under the admin's address; Django's admin cannot register models with composite keys."""

from __future__ import annotations

from django.urls import path

from campaigns.admin.base import guarded
from delivery.admin import (
    campaign_pool,
    dead_letters,
    dead_list,
    emails,
    guardrail,
    hours,
    message,
    messages,
    test_send,
    unknown,
    unknown_log,
)

urlpatterns = [
    path("emails/", guarded(emails.chooser), name="delivery_emails"),
    path("emails/campaign/<int:campaign_id>/", guarded(emails.by_campaign), name="delivery_campaign_emails"),
    path("emails/campaign/<int:campaign_id>/csv/", guarded(emails.export), name="delivery_campaign_emails_csv"),
    path("emails/lead/<int:lead_id>/", guarded(emails.by_lead), name="delivery_lead_emails"),
    path("delivery/hours/<int:campaign_id>/", guarded(hours.hours_view), name="delivery_hours"),
    path("messages/", guarded(messages.message_list), name="delivery_messages"),
    path("messages/<int:message_id>/", guarded(message.message_view), name="delivery_message"),
    path("messages/<int:message_id>/copy/", guarded(message.copy_view), name="delivery_message_copy"),
    path("messages/<int:message_id>/copy/frame/", guarded(message.frame_view), name="delivery_message_frame"),
    path("messages/<int:message_id>/cancel/", guarded(message.cancel_view), name="delivery_message_cancel"),
    path("delivery/unknown/<int:campaign_id>/", guarded(unknown.unknown_list), name="delivery_unknown"),
    path("delivery/unknown/<int:campaign_id>/csv/", guarded(unknown.export), name="delivery_unknown_csv"),
    path("delivery/unknown/<int:campaign_id>/leave/", guarded(unknown.leave_view), name="delivery_unknown_leave"),
    path("delivery/unknown/<int:campaign_id>/resend/", guarded(unknown.resend_view), name="delivery_unknown_resend"),
    path("delivery/unknown/<int:campaign_id>/log/", guarded(unknown_log.upload_view), name="delivery_unknown_log"),
    path(
        "delivery/unknown/<int:campaign_id>/log/preview/",
        guarded(unknown_log.preview_view),
        name="delivery_unknown_log_preview",
    ),
    path(
        "delivery/unknown/<int:campaign_id>/log/rejects/",
        guarded(unknown_log.rejects_view),
        name="delivery_unknown_log_rejects",
    ),
    path("delivery/dead/", guarded(dead_list.dead_list), name="delivery_dead"),
    path("delivery/dead/csv/", guarded(dead_list.export), name="delivery_dead_csv"),
    path("delivery/dead/progress/", guarded(dead_list.progress), name="delivery_dead_progress"),
    path("delivery/dead/requeue/", guarded(dead_letters.requeue_chosen), name="delivery_dead_requeue_chosen"),
    path("delivery/dead/discard/", guarded(dead_letters.discard_chosen), name="delivery_dead_discard_chosen"),
    path("delivery/dead/decisions/<int:decision_id>/stop/", guarded(dead_list.stop), name="delivery_dead_stop"),
    path("delivery/dead/<int:campaign_id>/requeue/", guarded(dead_letters.requeue_view), name="delivery_dead_requeue"),
    path("delivery/dead/<int:campaign_id>/discard/", guarded(dead_letters.discard_view), name="delivery_dead_discard"),
    path(
        "campaigns/campaign/<int:campaign_id>/guardrails/",
        guarded(guardrail.guardrail_view),
        name="delivery_campaign_guardrail",
    ),
    path("campaigns/campaign/<int:campaign_id>/pool/", guarded(campaign_pool.pool_view), name="delivery_campaign_pool"),
    path(
        "campaigns/campaign/<int:campaign_id>/test-send/",
        guarded(test_send.test_send_view),
        name="delivery_test_send",
    ),
]
