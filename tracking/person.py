"""What tracking keeps about a person: shown to them, and scrubbed when they are erased. The counts stay true."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from campaigns.leads.person import Person, Row
from delivery.models import Message
from tracking.models import AsideEvent, CampaignEngagement, Event, LeadEngagement, StrayEvent, StrayMail

EVENT_FIELDS = (
    "at", "kind", "campaign_id", "message_id", "link_number", "who", "who_reason", "user_agent", "network", "data",
)  # fmt: skip

# Rows stay with number, time and kind, which reports count; of `data` what says nothing about the person. By the
# indexes on lead and message.
SCRUB_EVENTS = """
UPDATE tracking_event
   SET user_agent = '', network = '',
       data = (SELECT jsonb_object_agg(key, value) FROM jsonb_each(data)
                WHERE key = ANY('{scope,via,class,code,status,enhanced,rule,method,purpose}'))
 WHERE {which} AND (user_agent <> '' OR network <> '' OR data IS NOT NULL)
"""
# Entries of the stream that wait for their e-mail's record: the sixth field is the campaign, then message and lead.
DROP_PARKED = """
DELETE FROM tracking_parkedevent
 WHERE split_part(payload, E'\t', 8) = %(lead)s OR split_part(payload, E'\t', 7) = ANY(%(messages)s)
"""


def scrub_events(person: Person) -> None:
    """Take user agent, network and quoted words out of a person's events; before their messages lose the address."""
    ids = list(Message.objects.filter(to_address=person.address).values_list("id", flat=True))
    with connection.cursor() as cursor:
        if person.lead_id:
            cursor.execute(SCRUB_EVENTS.replace("{which}", "lead_id = %s"), [person.lead_id])
        if ids:
            cursor.execute(SCRUB_EVENTS.replace("{which}", "message_id = ANY(%s)"), [ids])
        # no lead has the number 0, and no message the number ""
        cursor.execute(DROP_PARKED, {"lead": str(person.lead_id or ""), "messages": [str(pk) for pk in ids] or ["-"]})
    for rows in (_aside(person), _stray_events(person), _stray_mails(person)):
        rows.delete()


def events(person: Person) -> Iterable[Row]:
    ids = list(Message.objects.filter(to_address=person.address).values_list("id", flat=True))
    found = Q(message_id__in=ids)
    if person.lead_id:
        found |= Q(lead_id=person.lead_id)
    return Event.objects.filter(found).order_by("-at").values(*EVENT_FIELDS)


def engagement(person: Person) -> Iterable[Row]:
    yield from LeadEngagement.objects.filter(lead_id=person.lead_id).values()
    yield from CampaignEngagement.objects.filter(lead_id=person.lead_id).values()


def aside(person: Person) -> Iterable[Row]:
    """What came in about the address and could not be recorded."""
    return _aside(person).values("payload", "reason", "set_aside_at")


def strays(person: Person) -> Iterable[Row]:
    """Webhook events and messages that came back and could not be matched to an e-mail, but name the address."""
    yield from _stray_events(person).values("esp", "kind", "recipient", "reason", "payload", "received_at")
    yield from _stray_mails(person).values("recipient", "sender", "subject", "reason", "report", "received_at")


def _stray_events(person: Person) -> QuerySet[StrayEvent]:
    return StrayEvent.objects.filter(Q(recipient=person.address) | Q(payload__icontains=person.address))


def _stray_mails(person: Person) -> QuerySet[StrayMail]:
    """Also those that name the address within the message: few are kept, so they are read."""
    in_raw = RawSQL("position(%s::bytea IN raw) > 0", [person.address.encode()], BooleanField())
    named = Q(sender=person.address) | Q(recipient=person.address) | Q(report__icontains=person.address)
    return StrayMail.objects.alias(in_raw=in_raw).filter(named | Q(in_raw=True))


def _aside(person: Person) -> QuerySet[AsideEvent]:
    return AsideEvent.objects.filter(payload__icontains=person.address)
