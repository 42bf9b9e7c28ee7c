"""Subscriptions of Amazon SNS: confirmed by itself where the account may, by somebody's click elsewhere."""

from __future__ import annotations

import json
import logging
import re

from anymail.exceptions import AnymailError
from django.http import HttpRequest

from tracking.webhooks import state
from tracking.webhooks.door import Door

log = logging.getLogger(__name__)

_is_link = re.compile(r"https://sns\.[a-z0-9-]{4,32}\.amazonaws\.com(?:\.cn)?/\?[!-~]{1,2000}").fullmatch


def is_asked(request: HttpRequest) -> bool:
    """Whether a proved request asks to confirm a subscription."""
    return request.headers.get("x-amz-sns-message-type") == "SubscriptionConfirmation"


def answer(door: Door, request: HttpRequest) -> None:
    """Confirm with the account's own keys; where they may not or cannot, keep the link for the provider's page."""
    from botocore.exceptions import BotoCoreError, ClientError  # boto3 and its kin take their time to load

    message = json.loads(request.body)
    try:
        door.view.auto_confirm_sns_subscription(message)
    except (AnymailError, BotoCoreError, ClientError, ValueError, KeyError) as error:
        log.warning("the topic %s cannot be confirmed by itself: %s", message.get("TopicArn"), error)
        link = str(message.get("SubscribeURL") or "")
        state.ask_to_confirm(door.provider_id, link if _is_link(link) else "")
        return
    log.info("the topic %s is confirmed", message.get("TopicArn"))
    state.note_event(door.provider_id, door.kind.name)
