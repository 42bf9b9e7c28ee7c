"""What an endpoint can be told of. The names are public: they stand in the bodies and are never changed."""

from __future__ import annotations

# kind of tracking.occurrence to name
OF_EVENTS = {
    "delivered": "email.delivered",
    "open": "email.opened",
    "click": "email.clicked",
    "bounce": "email.bounced",
    "rejected": "email.rejected",
    "deferred": "email.deferred",
    "complaint": "email.complained",
    "unsubscribe": "email.unsubscribed",
    "resubscribe": "email.resubscribed",
}
# status of a transactional message to name
OF_MESSAGES = {
    "sent": "message.sent",
    "deferred": "message.deferred",
    "bounced_hard": "message.bounced",
    "bounced_soft": "message.bounced",
    "failed": "message.failed",
    "dead": "message.dead",
    "skipped": "message.skipped",
    "cancelled": "message.cancelled",
    "unknown": "message.unknown",
}
# state of a campaign to name
OF_CAMPAIGNS = {
    "scheduled": "campaign.scheduled",
    "sending": "campaign.sending",
    "paused": "campaign.paused",
    "sent": "campaign.sent",
    "cancelled": "campaign.cancelled",
    "draft": "campaign.draft",
}
TEST = "webhook.test"

KINDS: dict[str, str] = {
    "email.delivered": "The receiving server took an e-mail, as the ESP says",
    "email.opened": "An e-mail was opened",
    "email.clicked": "A link was clicked",
    "email.bounced": "An e-mail came back after it was accepted",
    "email.rejected": "An ESP took an e-mail and did not send it",
    "email.deferred": "An ESP has to try again",
    "email.complained": "A person marked an e-mail as spam",
    "email.unsubscribed": "A person left",
    "email.resubscribed": "A person came back",
    "message.sent": "A transactional message was accepted by a server",
    "message.deferred": "A transactional message is tried again later",
    "message.bounced": "A transactional message was refused or came back",
    "message.failed": "A transactional message could not be sent",
    "message.dead": "A transactional message waits for a person's decision",
    "message.skipped": "A transactional message was not sent to a suppressed address",
    "message.cancelled": "A transactional message was cancelled before it left",
    "message.unknown": "Nobody knows whether a transactional message arrived",
    "campaign.scheduled": "A campaign was scheduled",
    "campaign.sending": "A campaign began to leave, or goes on",
    "campaign.paused": "A campaign was paused",
    "campaign.sent": "A campaign's first pass is over",
    "campaign.cancelled": "A campaign was cancelled",
    "campaign.draft": "A campaign went back to draft",
}
