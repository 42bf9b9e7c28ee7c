"""Transactional mail from Python: accepted means committed. Sending it is `delivery.message_sender`'s work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from campaigns import addresses
from campaigns.content import CompiledContent, ContentSource, compile_content
from campaigns.models import Campaign, FeedEntry, Lead
from campaigns.services.preview import source_of
from delivery.content import lead_values
from delivery.messages import accept as messages
from delivery.messages.accept import parse_mailbox
from delivery.messages.content import bundle, compiled
from delivery.models import MessageStream

__all__ = ["Draft", "accept", "parse_mailbox", "queue_message", "queue_test"]


@dataclass(frozen=True, slots=True)
class Draft:
    """One transactional e-mail of our own before it is accepted.

    data: JSON values that the templates see as {{ data }}; "lead", "campaign" and "feed" in it are seen by these names.
    at_least_once: send again, with the same Message-ID, when a worker was lost in the middle; as the stream says where
    it is None.
    """

    to: str
    content: CompiledContent
    to_name: str = ""
    sender: str = ""
    reply_to: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 5
    pool_id: int | None = None
    send_at: datetime | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    at_least_once: bool | None = None
    stream: str = MessageStream.DEFAULT


def queue_message(*, to: str, subject: str, html: str = "", mjml: str = "", text: str = "", **options: Any) -> int:
    """Accept one transactional e-mail; its id, once the row is committed by the caller's transaction.

    options: the other fields of `Draft`.
    Raises campaigns.content.ContentInvalid with places, AddressInvalid for a recipient or sender that cannot be,
    MessageRefused for anything else.
    """
    source = ContentSource(subject, "", mjml or html, "mjml" if mjml else "html", text)
    addresses.normalise(to)
    _, content = compiled(source, track_opens=True, track_clicks=True)
    return accept(Draft(to=to, content=content, **options))


def accept(draft: Draft) -> int:
    """Write the row of a draft and wake a worker after the commit; the message's id.

    Raises AddressInvalid for a recipient or sender that cannot be, MessageRefused for anything else.
    """
    (accepted,) = messages.accept(
        messages.Outgoing(
            recipients=[messages.Recipient(addresses.normalise(draft.to), draft.to_name, draft.data, draft.metadata)],
            content=bundle(draft.content),
            sender=parse_mailbox(draft.sender or settings.DEFAULT_FROM_EMAIL),
            stream=draft.stream,
            reply_to=draft.reply_to,
            priority=draft.priority,
            pool_id=draft.pool_id,
            send_at=draft.send_at,
            tags=draft.tags,
            at_least_once=draft.at_least_once,
        ),
        any_sender=True,
    )
    return accepted.id


def queue_test(*, campaign_id: int, to: str, lead_id: int | None = None) -> int:
    """Send a campaign as it is now to one address, with the values of a lead; the message's id.

    lead_id: whose values to show; the newest lead where it is None.
    Raises Campaign.DoesNotExist, ContentInvalid with places, AddressInvalid.
    """
    campaign = Campaign.objects.get(pk=campaign_id)
    source = replace(source_of(campaign), subject=f"[Test] {campaign.subject}")
    sender = f"{campaign.from_name} <{campaign.from_email}>" if campaign.from_name else campaign.from_email
    return accept(
        Draft(
            to=to,
            content=compile_content(source),
            sender=sender,
            reply_to=campaign.reply_to,
            data=_values_for_test(campaign, lead_id),
            priority=9,
            tags=["test"],
            metadata={"test_of_campaign": campaign_id},
        )
    )


def _values_for_test(campaign: Campaign, lead_id: int | None) -> dict[str, Any]:
    leads = Lead.objects.filter(pk=lead_id) if lead_id else Lead.objects.order_by("-pk")
    lead = leads.first()
    values: dict[str, Any] = {"campaign": {"id": campaign.pk, "name": campaign.name}}
    if lead is not None:
        values["lead"] = lead_values(lead)
        feed = FeedEntry.objects.filter(campaign=campaign, lead=lead).values_list("data", flat=True).first()
        if feed is not None:
            values["feed"] = feed
    return values
