"""Pages of tracking under the admin's address."""

from __future__ import annotations

from django.urls import path

from campaigns.admin.base import guarded
from tracking.admin import across, esp_webhook, overview, recipients, timeline

urlpatterns = [
    path("reports/", guarded(overview.report_list), name="tracking_reports"),
    path("reports/compare/", guarded(across.compare), name="tracking_compare"),
    path("reports/deliverability/", guarded(across.deliverability), name="tracking_deliverability"),
    path("reports/senders/", guarded(across.senders), name="tracking_senders"),
    path("reports/senders/<int:user_id>/", guarded(across.sender), name="tracking_sender"),
    path("reports/senders/<int:user_id>/csv/", guarded(across.sender_csv), name="tracking_sender_csv"),
    path("reports/leads/<int:lead_id>/", guarded(timeline.lead_timeline), name="tracking_timeline"),
    path("reports/<int:campaign_id>/", guarded(overview.overview), name="tracking_report"),
    path("reports/<int:campaign_id>/leads/", guarded(recipients.recipients), name="tracking_recipients"),
    path("reports/<int:campaign_id>/leads/csv/", guarded(recipients.recipients_csv), name="tracking_recipients_csv"),
    # attributes have any names, with slashes too
    path("reports/<int:campaign_id>/by/<path:dimension>/", guarded(overview.breakdown), name="tracking_breakdown"),
    path(
        "reports/<int:campaign_id>/csv-by/<path:dimension>/",
        guarded(overview.breakdown_csv),
        name="tracking_breakdown_csv",
    ),
    path(
        "delivery/provider/<int:provider_id>/webhook/<slug:esp>/",
        guarded(esp_webhook.webhook_page),
        name="tracking_esp_webhook",
    ),
]
