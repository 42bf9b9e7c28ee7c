"""What delivery keeps about a person: shown to them, and scrubbed when they are erased."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.utils import timezone

from campaigns.crypto import SecretUnreadable
from campaigns.leads.person import Person, Row
from campaigns.models import Campaign
from delivery.messages import copies
from delivery.models import Email, LeadTouch, Message, MessageCopy, MessageEvent, SoftBounce

ERASED = "erased"
EMAIL_FIELDS = (
    "campaign_id", "status", "at", "due_at", "attempt", "tries", "provider_id", "variant", "code", "enhanced", "reply",
    "opened_at", "clicked_at", "complained_at", "unsubscribed_at",
)  # fmt: skip
MESSAGE_FIELDS = (
    "id", "created_at", "stream", "to_address", "to_name", "sender", "sender_name", "reply_to", "data", "headers",
    "tags", "metadata", "status", "at", "code", "enhanced", "reply", "opened_at", "clicked_at",
)  # fmt: skip

# The row stays for the counts, without anything that names or describes the person; what was not sent yet never is.
# A message that a worker has in hand right now is recorded by its number. By the index on the address.
SCRUB_MESSAGES = """
UPDATE delivery_message
   SET to_address = %(erased)s, to_name = '', data = '{}', headers = '[]', metadata = '{}', content = '', reply = NULL,
       esp_message_id = NULL, due_at = NULL,
       status = CASE WHEN status IN ('queued', 'deferred', 'dead') THEN 'cancelled' ELSE status END
 WHERE to_address = %(address)s RETURNING id
"""
# Lines of the history quote what mail servers said.
SCRUB_HISTORY = "UPDATE delivery_messageevent SET detail = '' WHERE message_id = ANY(%(ids)s) AND detail <> ''"
DROP_COPIES = "DELETE FROM delivery_messagecopy WHERE message_id = ANY(%(ids)s)"


def scrub_messages(person: Person) -> None:
    """Take out of transactional messages who got them, what was merged into them, and their copies."""
    with connection.cursor() as cursor:
        cursor.execute(SCRUB_MESSAGES, {"address": person.address, "erased": ERASED})
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            cursor.execute(SCRUB_HISTORY, {"ids": ids})
            cursor.execute(DROP_COPIES, {"ids": ids})


def forget_soft_bounces(person: Person) -> None:
    SoftBounce.objects.filter(digest=person.digest).delete()


def emails(person: Person) -> Iterable[Row]:
    """The ledger's rows: every campaign that the person was to get, and what became of it."""
    if not person.lead_id:
        return
    rows = list(Email.objects.filter(lead_id=person.lead_id).order_by("-campaign_id").values(*EMAIL_FIELDS))
    names = dict(Campaign.objects.filter(pk__in={row["campaign_id"] for row in rows}).values_list("pk", "name"))
    for row in rows:
        yield {"campaign": names.get(row["campaign_id"], ""), **row}


def messages(person: Person) -> Iterable[Row]:
    """Transactional messages with their history, and as they were sent where a copy is still kept."""
    for row in Message.objects.filter(to_address=person.address).order_by("-created_at").values(*MESSAGE_FIELDS):
        history = MessageEvent.objects.filter(message_id=row["id"]).order_by("at")
        yield {**row, "history": list(history.values("at", "kind", "code", "detail")), "copy": _copy(row["id"])}


def touches(person: Person) -> Iterable[Row]:
    return LeadTouch.objects.filter(lead_id=person.lead_id).values("campaign_ids", "times")


def soft_bounces(person: Person) -> Iterable[Row]:
    return SoftBounce.objects.filter(digest=person.digest).values()


def _copy(message_id: int) -> dict[str, Any] | None:
    kept = MessageCopy.objects.filter(message_id=message_id, expires_at__gt=timezone.now()).first()
    if kept is None:
        return None
    try:
        copy = copies.unseal(bytes(kept.sealed))
    except SecretUnreadable:
        return None
    return {"subject": copy.subject, "html": copy.html, "text": copy.text, "files": copy.files}
