"""Unsubscribing, and the way back: committed before anybody is answered, or kept in the priority stream."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError, connection, transaction

from delivery.models import Email
from tracking import stream
from tracking.doors import Subject
from tracking.occurrence import Occurrence, happened
from tracking.record import record
from tracking.subscription import ALL, LIST, Person, come_back, find, leave

log = logging.getLogger(__name__)

# the sender of a one-click request gives up after some seconds: fall back to the stream before that
STATEMENT_TIMEOUT_MS = 4000
LOCK_TIMEOUT_MS = 2000
KINDS = frozenset({"unsubscribe", "resubscribe"})
DatabaseAway = (OperationalError, InterfaceError)


def asked(kind: str, subject: Subject, *, scope: str, via: str, user_agent: str = "", network: str = "") -> Occurrence:
    """The event of somebody asking to leave (kind "unsubscribe") or to come back ("resubscribe").

    scope: "list" for the campaign's list (everything, where it went to none) or "all". via: "one_click" or "page".
    """
    return happened(
        kind,
        **subject.as_fields(),
        user_agent=user_agent,
        network=network,
        data={"scope": scope, "via": via},
    )


def fulfil(occurrence: Occurrence) -> bool:
    """Do what was asked, durably. False where PostgreSQL is away and the priority stream keeps it for the next drain.

    Raises stream.StreamAway where neither could take it: answer 503. A COMMIT whose answer was lost also ends in the
    stream; it is done once more then, with the same event id, which changes nothing.
    """
    try:
        with transaction.atomic():
            _limit_waiting()
            apply(occurrence)
    except DatabaseAway as error:
        log.warning("PostgreSQL is away, an %s goes to the priority stream: %s", occurrence.kind, error)
        stream.append_safely(occurrence)
        return False
    return True


def apply(occurrence: Occurrence) -> None:
    """Change the subscription and record the event. Call inside a transaction; may be called again."""
    subject = Subject(occurrence.campaign_id or 0, occurrence.lead_id or 0, occurrence.message_id or 0)
    person = find(subject, lock=True)
    if person.is_test:
        return
    scope = _scope(occurrence, person)
    leaving = occurrence.kind == "unsubscribe"
    source = _source(subject)
    changed = leave(person, scope, source) if leaving else come_back(person, scope, source)
    # a request that changes nothing leaves no event, unless it is the first one of its campaign
    if changed or (leaving and _is_unmarked(subject)):
        record([occurrence._replace(data={**(occurrence.data or {}), "scope": scope})])


def _scope(occurrence: Occurrence, person: Person) -> str:
    wanted = (occurrence.data or {}).get("scope")
    return LIST if wanted != ALL and person.mailing_list else ALL


def _source(subject: Subject) -> str:
    if subject.message_id:
        return f"message {subject.message_id}"
    return f"campaign {subject.campaign_id}"


def _is_unmarked(subject: Subject) -> bool:
    row = Email.objects.filter(campaign_id=subject.campaign_id, lead_id=subject.lead_id)
    return not subject.message_id and row.filter(unsubscribed_at__isnull=True).exists()


def _limit_waiting() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
