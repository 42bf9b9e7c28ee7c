"""Pages of delivery under the admin's address; Django's admin cannot register models with composite keys."""

from __future__ import annotations

from django.urls import path

from campaigns.admin.base import guarded
from delivery.admin import emails, messages, test_send

urlpatterns = [
    path("emails/", guarded(emails.chooser), name="delivery_emails"),
    path("emails/campaign/<int:campaign_id>/", guarded(emails.by_campaign), name="delivery_campaign_emails"),
    path("emails/campaign/<int:campaign_id>/csv/", guarded(emails.export), name="delivery_campaign_emails_csv"),
    path("emails/lead/<int:lead_id>/", guarded(emails.by_lead), name="delivery_lead_emails"),
    path("messages/", guarded(messages.message_list), name="delivery_messages"),
    path(
        "campaigns/campaign/<int:campaign_id>/test-send/",
        guarded(test_send.test_send_view),
        name="delivery_test_send",
    ),
]
