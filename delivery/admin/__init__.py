"""The operators' pages of the admin site, and what delivery adds to the marketers' pages."""

from campaigns.admin import registry
from delivery.admin import campaign_pool, guardrail
from delivery.admin.alert import AlertAdmin
from delivery.admin.alert_settings import AlertSettingsAdmin
from delivery.admin.decisions import UnknownDecisionAdmin
from delivery.admin.domain import SendingDomainAdmin
from delivery.admin.emails import lead_section
from delivery.admin.guardrail import GuardrailPolicyAdmin
from delivery.admin.message_stream import MessageStreamAdmin
from delivery.admin.pool import PoolAdmin
from delivery.admin.provider import ProviderAdmin
from delivery.admin.reply_rule import ReplyRuleAdmin
from delivery.admin.retry_policy import RetryPolicyAdmin
from delivery.admin.sending_policy import SendingPolicyAdmin

registry.register_campaign_button(
    registry.CampaignButton(
        title="E-mails",
        icon="mail",
        url_name="delivery_campaign_emails",
        permission="delivery.view_email",
        dialog=False,
        states=("sending", "paused", "sent", "cancelled"),
    )
)
registry.register_campaign_button(
    registry.CampaignButton(
        title="Test send",
        icon="forward_to_inbox",
        url_name="delivery_test_send",
        permission="campaigns.change_campaign",
    )
)
registry.register_campaign_button(
    registry.CampaignButton(
        title="Pool",
        icon="hub",
        url_name="delivery_campaign_pool",
        permission=campaign_pool.PERMISSION,
        states=campaign_pool.STATES,
    )
)
registry.register_campaign_button(
    registry.CampaignButton(
        title="Guardrails",
        icon="health_and_safety",
        url_name="delivery_campaign_guardrail",
        permission=guardrail.PERMISSION,
        states=guardrail.STATES,
    )
)
registry.register_lead_section(lead_section)

__all__ = [
    "AlertAdmin",
    "AlertSettingsAdmin",
    "GuardrailPolicyAdmin",
    "MessageStreamAdmin",
    "PoolAdmin",
    "ProviderAdmin",
    "ReplyRuleAdmin",
    "RetryPolicyAdmin",
    "SendingDomainAdmin",
    "SendingPolicyAdmin",
    "UnknownDecisionAdmin",
]
