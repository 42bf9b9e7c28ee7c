from tracking.models.breakdown import Breakdown, EmailChange, ReportSettings
from tracking.models.engagement import CampaignEngagement, LeadEngagement
from tracking.models.event import Event
from tracking.models.mailbox import MailAccount
from tracking.models.retention import RetentionDrop, RetentionPolicy
from tracking.models.returned import StrayEvent, StrayMail, WebhookState
from tracking.models.rollup import LinkClick, LinkRollup, MinuteRollup, QuarterRollup
from tracking.models.visitor_rule import Reclassification, VisitorRule
from tracking.models.waiting import AsideEvent, ParkedEvent
from tracking.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AsideEvent",
    "Breakdown",
    "CampaignEngagement",
    "EmailChange",
    "Event",
    "LeadEngagement",
    "LinkClick",
    "LinkRollup",
    "MailAccount",
    "MinuteRollup",
    "ParkedEvent",
    "QuarterRollup",
    "Reclassification",
    "ReportSettings",
    "RetentionDrop",
    "RetentionPolicy",
    "StrayEvent",
    "StrayMail",
    "VisitorRule",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookState",
]
