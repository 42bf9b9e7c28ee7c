from delivery.models.batch import Adjustment, Batch
from delivery.models.content import FrozenContent, Link
from delivery.models.decision import UnknownDecision
from delivery.models.email import Email
from delivery.models.message import Message
from delivery.models.provider import CampaignPool, Pool, PoolMember, Provider

__all__ = [
    "Adjustment",
    "Batch",
    "CampaignPool",
    "Email",
    "FrozenContent",
    "Link",
    "Message",
    "Pool",
    "PoolMember",
    "Provider",
    "UnknownDecision",
]
