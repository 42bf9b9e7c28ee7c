from campaigns.models.api_key import ApiKey, IdempotentAnswer
from campaigns.models.campaign import Campaign, FeedEntry
from campaigns.models.consent import Consent, SubscriptionForm
from campaigns.models.lead import Lead, ListMembership, MailDomain, MailingList, Topic
from campaigns.models.lead_import import LeadImport
from campaigns.models.segment import Segment
from campaigns.models.suppression import Suppression, SuppressionRelease
from campaigns.models.suppression_import import SuppressionImport
from campaigns.models.template import Template

__all__ = [
    "ApiKey",
    "Campaign",
    "Consent",
    "FeedEntry",
    "IdempotentAnswer",
    "Lead",
    "LeadImport",
    "ListMembership",
    "MailDomain",
    "MailingList",
    "Segment",
    "SubscriptionForm",
    "Suppression",
    "SuppressionImport",
    "SuppressionRelease",
    "Template",
    "Topic",
]
