"""Transactional mail: accepted means committed. Sending it is `delivery.message_sender`'s work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from campaigns import addresses
from campaigns.content import CompiledContent, ContentSource, compile_content
from campaigns.models import Campaign, FeedEntry, Lead
from campaigns.services.preview import source_of
from delivery import enqueue, sql
from delivery.content import lead_values
from delivery.engine.message import Mailbox


@dataclass(frozen=True, slots=True)
class Draft:
    """One transactional e-mail before it is accepted.

    data: JSON values that the templates see as {{ data }}; "lead", "campaign" and "feed" in it are seen by these names.
    at_least_once: send again, with the same Message-ID, when a worker was lost in the middle.
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
    at_least_once: bool = False


def queue_message(*, to: str, subject: str, html: str = "", mjml: str = "", text: str = "", **options: Any) -> int:
    """Accept one transactional e-mail; its id, once the row is committed by the caller's transaction.

    options: the other fields of `Draft`.
    Raises campaigns.content.ContentInvalid with places, AddressInvalid for a recipient or sender that cannot be.
    """
    source = ContentSource(subject, "", mjml or html, "mjml" if mjml else "html", text)
    return accept(Draft(to=to, content=compile_content(source, kind="transactional"), **options))


def accept(draft: Draft) -> int:
    """Write the row of a draft and wake a worker after the commit; the message's id.

    Raises AddressInvalid for a recipient or sender that cannot be.
    """
    sender = parse_mailbox(draft.sender or settings.DEFAULT_FROM_EMAIL)
    parameters: dict[str, Any] = {
        "to_address": addresses.normalise(draft.to),
        "to_name": draft.to_name,
        "sender": sender.address,
        "sender_name": sender.name,
        "reply_to": draft.reply_to,
        "content": draft.content.to_bytes(),
        "data": json.dumps(dict(draft.data)),
        "priority": draft.priority,
        "pool": draft.pool_id,
        "due_at": draft.send_at,
        "tags": list(draft.tags),
        "metadata": json.dumps(dict(draft.metadata)),
        "at_least_once": draft.at_least_once,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.INSERT_MESSAGE, parameters)
        message_id = int(cursor.fetchone()[0])
        transaction.on_commit(_wake)
    return message_id


def _wake() -> None:
    enqueue.send_messages()


def parse_mailbox(text: str) -> Mailbox:
    """ "Name <address>" as a mailbox with its address normalised. Raises AddressInvalid."""
    name, address = parseaddr(text)
    return Mailbox(addresses.normalise(address or text), name)


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
