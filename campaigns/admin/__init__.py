"""The marketers' pages of the admin site."""

from campaigns.admin.api_key import ApiKeyAdmin
from campaigns.admin.campaign import CampaignAdmin
from campaigns.admin.lead import LeadAdmin
from campaigns.admin.lead_import import LeadImportAdmin
from campaigns.admin.mailing_list import MailingListAdmin
from campaigns.admin.segment import SegmentAdmin
from campaigns.admin.subscription_form import SubscriptionFormAdmin
from campaigns.admin.suppression import SuppressionAdmin, SuppressionReleaseAdmin
from campaigns.admin.suppression_import import SuppressionImportAdmin
from campaigns.admin.template import TemplateAdmin
from campaigns.admin.topic import TopicAdmin

__all__ = [
    "ApiKeyAdmin",
    "CampaignAdmin",
    "LeadAdmin",
    "LeadImportAdmin",
    "MailingListAdmin",
    "SegmentAdmin",
    "SubscriptionFormAdmin",
    "SuppressionAdmin",
    "SuppressionImportAdmin",
    "SuppressionReleaseAdmin",
    "TemplateAdmin",
    "TopicAdmin",
]
