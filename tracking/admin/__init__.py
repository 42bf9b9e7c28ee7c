"""The admin pages of what comes back and of reports, and what they add to the pages of campaigns and leads."""

from campaigns.admin import registry
from tracking.admin import esp_webhook, mail_account, retention, stray, visitor_rule, webhook
from tracking.admin.pages import VIEW
from tracking.admin.report_settings import ReportSettingsAdmin
from tracking.admin.segment_helper import engagement_helper
from tracking.admin.timeline import lead_section

registry.register_campaign_button(
    registry.CampaignButton(
        title="Report",
        icon="monitoring",
        url_name="tracking_report",
        permission=VIEW,
        dialog=False,
        states=("sending", "paused", "sent", "cancelled"),
    )
)
registry.register_lead_section(lead_section)
registry.register_segment_helper(engagement_helper)

__all__ = ["ReportSettingsAdmin", "esp_webhook", "mail_account", "retention", "stray", "visitor_rule", "webhook"]
