from campaigns.models.campaign import Campaign, FeedEntry
from campaigns.models.lead import Lead, ListMembership, MailDomain, MailingList
from campaigns.models.lead_import import LeadImport
from campaigns.models.segment import Segment
from campaigns.models.suppression import Suppression
from campaigns.models.template import Template

__all__ = [
    "Campaign",
    "FeedEntry",
    "Lead",
    "LeadImport",
    "ListMembership",
    "MailDomain",
    "MailingList",
    "Segment",
    "Suppression",
    "Template",
]
