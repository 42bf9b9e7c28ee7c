"""Each ESP's webhook as data: how it proves itself, for how long a proof counts, and what to click at the ESP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from delivery.models import Provider

MINUTE, HOUR = 60, 3600
# an ESP that signs no time is believed as long as it goes on trying to deliver an event
EVENT_AGE_SECONDS = 7 * 24 * HOUR
# clocks differ
AHEAD_SECONDS = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class WebhookKind:
    """One ESP's webhook.

    proof: "key" where the ESP signs with a key that is copied from its pages; "password" where all it can do is to log
    in with the user and password of the address, which we make. signed_seconds: how old a signed time may be, None
    where none is signed. It is as long as the ESP goes on repeating a request that it may not sign anew; a repetition
    of somebody else's changes nothing, because each event is recorded once.
    key_name: what the key is called there. steps: what to click, a sentence each.
    """

    name: str
    label: str
    proof: Literal["key", "password"]
    steps: tuple[str, ...]
    key_name: str = ""
    signed_seconds: int | None = None
    asks_before_key: bool = False


KINDS: Mapping[str, WebhookKind] = {
    kind.name: kind
    for kind in (
        WebhookKind(
            "ses",
            "Amazon SES",
            "password",
            (
                "Amazon SNS: create a standard topic in the region of your SES account.",
                "SES, Configuration sets: add an event destination of type SNS with that topic; choose all events but "
                "opens and clicks, and name the configuration set in this provider.",
                "SNS: create a subscription of the topic with protocol HTTPS and the address above; leave raw message "
                "delivery off. It is confirmed by itself, or by the link that then stands here.",
            ),
        ),
        WebhookKind(
            "sendgrid",
            "SendGrid",
            "key",
            (
                "Settings, Mail Settings, Event Webhooks: create a webhook with the address above.",
                "Choose all deliverability events and the unsubscribe and spam report events.",
                "Switch on Signed Event Webhook and copy its verification key to here.",
            ),
            key_name="Verification key",
            signed_seconds=25 * HOUR,
        ),
        WebhookKind(
            "mailgun",
            "Mailgun",
            "key",
            (
                "Send, Sending, Webhooks: add the address above for delivered messages, permanent and temporary "
                "failures, spam complaints and unsubscribes.",
                "Copy the HTTP webhook signing key from the same page to here.",
            ),
            key_name="HTTP webhook signing key",
            signed_seconds=9 * HOUR,
        ),
        WebhookKind(
            "postmark",
            "Postmark",
            "password",
            (
                "Servers, your server, your message stream, Webhooks: add a webhook with the address above.",
                "Choose Delivery, Bounce, Spam complaint and Subscription change.",
            ),
        ),
        WebhookKind(
            "brevo",
            "Brevo",
            "password",
            (
                "Transactional, Settings, Webhook: add a webhook with the address above.",
                "Choose delivered, deferred, soft and hard bounce, blocked, error, complaint and unsubscribed.",
            ),
        ),
        WebhookKind(
            "resend",
            "Resend",
            "key",
            (
                "Webhooks: add a webhook with the address above and all e-mail events.",
                "Copy its signing secret, which begins with whsec_, to here.",
            ),
            key_name="Signing secret",
            signed_seconds=5 * MINUTE,
        ),
        WebhookKind(
            "mailjet",
            "Mailjet",
            "password",
            (
                "Account settings, Event notifications (webhooks): write the address above for sent, bounce, blocked, "
                "spam and unsub, with grouped events.",
            ),
        ),
        WebhookKind(
            "sparkpost",
            "SparkPost",
            "password",
            (
                "Configuration, Webhooks: create a webhook with the address above without its user and password, "
                "which go into the fields of basic authentication.",
                "Choose all message events, and unsubscribe events.",
            ),
        ),
        WebhookKind(
            "mandrill",
            "Mandrill",
            "key",
            (
                "Settings, Webhooks: add a webhook with the address above; it may be added before its key is known.",
                "Choose delivered, soft and hard bounces, rejected, marked as spam and unsubscribes.",
                "Copy the key that Mandrill then shows beside the webhook to here.",
            ),
            key_name="Webhook key",
            asks_before_key=True,
        ),
        WebhookKind(
            "postal",
            "Postal",
            "key",
            (
                "Your server, Webhooks: add a webhook with the address above and all events.",
                "Copy the public key of the installation (postal default-dkim-record names it after p=) to here.",
            ),
            key_name="Public key",
        ),
        WebhookKind(
            "mailersend",
            "MailerSend",
            "key",
            (
                "Domains, your domain, Webhooks: add a webhook with the address above and all events but opens and "
                "clicks.",
                "Copy its signing secret to here.",
            ),
            key_name="Signing secret",
        ),
    )
}


def kinds_of(provider: Provider) -> list[WebhookKind]:
    """The webhooks that a provider may have: its own, and for an SMTP relay that of any ESP, which may be behind it."""
    if provider.kind == Provider.Kind.SMTP:
        return list(KINDS.values())
    return [KINDS[provider.kind]] if provider.kind in KINDS else []
