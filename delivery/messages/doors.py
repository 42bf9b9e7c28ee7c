"""What the public doors ask about a transactional message: where a link leads, what the browser shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from campaigns.crypto import SecretUnreadable
from delivery.content import message_context, render_text, web_address
from delivery.messages import copies
from delivery.messages.content import COMPILED, Bundle
from delivery.messages.months import around
from delivery.models import Message, MessageContent


@lru_cache(maxsize=512)
def _targets(digest: bytes) -> Mapping[int, str]:
    """The links of a content: they never change. Raises MessageContent.DoesNotExist, which is not remembered."""
    return dict(MessageContent.objects.values_list("links", flat=True).get(digest=digest))


def link_target(message_id: int, number: int) -> str | None:
    """Where a tracked link of a message leads; None for an unknown message or link."""
    message = _find(message_id)
    if message is None:
        return None
    if message.content_digest is None:
        url = next((link.url for link in Bundle.from_bytes(bytes(message.content)).content.links
                    if link.number == number), None)  # fmt: skip
    else:
        try:
            url = _targets(bytes(message.content_digest)).get(number)
        except MessageContent.DoesNotExist:
            return None
    if url is None or "{" not in url:
        return url
    return web_address(render_text(url, _context(message), html=False))


def html(message_id: int) -> str | None:
    """The HTML that the recipient of a message got; None when it is no longer kept."""
    try:
        copy = copies.find(message_id)
    except SecretUnreadable:
        return None
    if copy is not None:
        return copy.html
    message = _find(message_id)
    payload = _payload(message) if message else b""
    if message is None or not payload or (message.at is not None and not message.data):
        return None
    return render_text(Bundle.from_bytes(payload).content.html, _context(message), html=True)


def _find(message_id: int) -> Message | None:
    fields = ("id", "created_at", "at", "to_address", "content", "content_digest", "data")
    return Message.objects.filter(around(message_id)).only(*fields).first()


def _payload(message: Message) -> bytes:
    if message.content_digest is None:
        return bytes(message.content)
    rows = MessageContent.objects.filter(digest=message.content_digest, kind=COMPILED)
    return bytes(rows.values_list("payload", flat=True).first() or b"")


def _context(message: Message) -> dict[str, Any]:
    return message_context(message.id, message.to_address, message.data)
