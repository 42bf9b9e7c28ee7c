from delivery.models.batch import Adjustment, Batch
from delivery.models.content import FrozenContent, Link
from delivery.models.dead import DeadDecision
from delivery.models.decision import UnknownDecision
from delivery.models.domain import SendingDomain
from delivery.models.email import Email
from delivery.models.guardrail import CampaignGuardrail, Departure, GuardrailPolicy
from delivery.models.limits import (
    GroupLimit,
    LeadTouch,
    ProviderEvent,
    ProviderUsage,
    SenderLimit,
    SoftBounce,
    WarmUp,
)
from delivery.models.message import Message, MessageContent, MessageCopy, MessageEvent, MessageStream
from delivery.models.policy import Alert, AlertSettings, ReplyRule, RetryPolicy, SendingPolicy
from delivery.models.provider import CampaignPool, Pool, PoolMember, Provider

__all__ = [
    "Adjustment",
    "Alert",
    "AlertSettings",
    "Batch",
    "CampaignGuardrail",
    "CampaignPool",
    "DeadDecision",
    "Departure",
    "Email",
    "FrozenContent",
    "GroupLimit",
    "GuardrailPolicy",
    "LeadTouch",
    "Link",
    "Message",
    "MessageContent",
    "MessageCopy",
    "MessageEvent",
    "MessageStream",
    "Pool",
    "PoolMember",
    "Provider",
    "ProviderEvent",
    "ProviderUsage",
    "ReplyRule",
    "RetryPolicy",
    "SenderLimit",
    "SendingDomain",
    "SendingPolicy",
    "SoftBounce",
    "UnknownDecision",
    "WarmUp",
]
