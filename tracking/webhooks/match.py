"""Which of our e-mails an ESP's event is about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from anymail.signals import AnymailTrackingEvent
from django.db import connection

from campaigns import addresses
from campaigns.models import Lead
from delivery.engine.token import Door
from delivery.esp.rendering import TOKEN
from delivery.models import Message
from tracking.doors import Subject, subject_of
from tracking.ledger import UNRECORDED

# how far back an e-mail without a token is looked for
RECENT_DAYS = 30
# the return path that we gave: it carries the token, whatever field an ESP shows it in
_RETURN_PATH = re.compile(r"\bb\+([a-z2-7]{19,56})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<?\b([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.\d{1,9}@[^\s<>@\"]{1,253}>?")
_RAW_CHARACTERS = 20_000

# The index by lead; an ESP's id is one of a batch there, so it is compared for a recipient alone. ~6 ms.
BY_ESP_ID = """
SELECT n.place, e.campaign_id, e.lead_id
  FROM unnest(%(places)s::int[], %(leads)s::bigint[], %(ids)s::text[]) AS n (place, lead_id, id)
  JOIN delivery_email e ON e.lead_id = n.lead_id AND trim(BOTH '<>' FROM e.esp_message_id) = n.id
   AND e.at > now() - %(days)s * interval '1 day'
"""

# By primary key: 0.1 ms for a hundred events. A row that waits for another attempt names who put it off, and another
# provider may have it in hand.
SENT_BY = """
SELECT n.place, e.provider_id
  FROM unnest(%(places)s::int[], %(campaigns)s::bigint[], %(leads)s::bigint[]) AS n (place, campaign_id, lead_id)
  JOIN delivery_email e ON e.campaign_id = n.campaign_id AND e.lead_id = n.lead_id AND e.provider_id IS NOT NULL
   AND e.status <> 'deferred'
"""


def senders(subjects: Sequence[Subject | None]) -> dict[int, int]:
    """The id of the provider that sent it, by place; nothing of what is not recorded yet, or by nobody known."""
    found: dict[int, int] = {}
    emails = [(place, one.campaign_id, one.lead_id) for place, one in enumerate(subjects) if one and one.campaign_id]
    messages = [(place, one.message_id) for place, one in enumerate(subjects) if one and one.message_id]
    if emails:
        places, campaigns, leads = (list(column) for column in zip(*emails, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(SENT_BY, {"places": places, "campaigns": campaigns, "leads": leads})
            found.update(cursor.fetchall())
    if messages:
        rows = Message.objects.filter(id__in={message_id for _, message_id in messages})
        rows = rows.exclude(status__in=UNRECORDED)
        by: dict[int, int] = {
            pk: provider_id for pk, provider_id in rows.values_list("id", "provider_id") if provider_id
        }
        found.update((place, by[message_id]) for place, message_id in messages if message_id in by)
    return found


def by_token(event: AnymailTrackingEvent) -> Subject | None:
    """The e-mail by a token of ours, in the metadata or in the return path that the ESP repeats. No query."""
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    found = subject_of(Door.BOUNCE, str(metadata.get(TOKEN) or ""))
    if found is not None:
        return found
    text = _text(event.esp_event)
    named = (subject_of(Door.BOUNCE, token) for token in dict.fromkeys(_RETURN_PATH.findall(text)[:20]))
    return next((one for one in named if one is not None), None)


def by_query(events: Sequence[AnymailTrackingEvent]) -> list[Subject | None]:
    """The e-mails of events without a token: by our own Message-ID, else by the ESP's id, and always by the recipient.

    A Message-ID proves nothing, so it counts for the address alone that the e-mail went to.
    """
    recipients = [_normalised(event.recipient) for event in events]
    leads = dict(Lead.objects.filter(email__in={one for one in recipients if one}).values_list("email", "pk"))
    found: list[Subject | None] = []
    for event, recipient in zip(events, recipients, strict=True):
        found.append(_by_message_id(event, leads.get(recipient, 0), recipient) if recipient else None)
    _fill_by_esp_id(events, recipients, leads, found)
    return found


def _by_message_id(event: AnymailTrackingEvent, lead_id: int, recipient: str) -> Subject | None:
    text = f"{event.message_id} {_text(event.esp_event)}"
    for campaign, lead in _MESSAGE_ID.findall(text)[:20]:
        if lead_id and int(lead, 16) == lead_id:
            return Subject(int(campaign, 16) & (2**63 - 1), lead_id)
    for message in re.findall(r"\bm([0-9a-f]{1,16})@", text)[:5]:
        row = Message.objects.filter(id=int(message, 16) & (2**63 - 1)).only("id", "created_at", "to_address").first()
        if row is not None and _normalised(row.to_address) == recipient:
            return Subject(0, 0, row.id)
    return None


def _fill_by_esp_id(
    events: Sequence[AnymailTrackingEvent],
    recipients: Sequence[str],
    leads: Mapping[str, int],
    found: list[Subject | None],
) -> None:
    wanted = [
        (place, leads[recipient], str(event.message_id).strip("<>"))
        for place, (event, recipient) in enumerate(zip(events, recipients, strict=True))
        if found[place] is None and recipient in leads and event.message_id
    ]
    if not wanted:
        return
    places, ids, message_ids = (list(column) for column in zip(*wanted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(BY_ESP_ID, {"places": places, "leads": ids, "ids": message_ids, "days": RECENT_DAYS})
        for place, campaign_id, lead_id in cursor.fetchall():
            found[place] = Subject(campaign_id, lead_id)


def _text(raw: object) -> str:
    """An event as text, for what may stand in any of its fields."""
    if isinstance(raw, str):
        return raw[:_RAW_CHARACTERS]
    try:
        return json.dumps(raw, default=str)[:_RAW_CHARACTERS]
    except (ValueError, TypeError, RecursionError):
        return ""


def _normalised(address: Any) -> str:
    try:
        return addresses.normalise(str(address or ""))
    except addresses.AddressInvalid:
        return ""
