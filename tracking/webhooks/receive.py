"""From anymail's events to ours: matched, dated, given an id that is the same however often they come, and taken."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from anymail.signals import AnymailTrackingEvent
from django.db import transaction

from delivery import metrics, reply_rules
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.storable import storable
from tracking import returned, rules, stream
from tracking.doors import Subject
from tracking.models import StrayEvent
from tracking.occurrence import Occurrence, happened, id_of
from tracking.webhooks import match, meaning, state
from tracking.webhooks.door import Door, speaks_for
from tracking.webhooks.events import Unreadable
from tracking.webhooks.kinds import AHEAD_SECONDS, EVENT_AGE_SECONDS

log = logging.getLogger(__name__)

# they may be lost with the broker, nothing else may
STREAMED = frozenset({"open", "click"})
_PAYLOAD_CHARACTERS = 4_000


@dataclass
class _Batch:
    """What a request's events became. strays: with the reason why nothing can be done with them."""

    occurrences: list[Occurrence] = field(default_factory=list)
    strays: list[StrayEvent] = field(default_factory=list)


def receive(door: Door, events: Sequence[AnymailTrackingEvent | Unreadable], now: dt.datetime) -> None:
    """Take all events of one request durably, in one transaction; opens and clicks go on the stream.

    Taking them again changes nothing. Raises stream.StreamAway, and what a lost server raises where an event cannot be
    matched without it: ask for the request again later.
    """
    batch = _Batch()
    read = _wanted(door, events, batch)
    subjects = [match.by_token(event) for event in read]
    unmatched = [place for place, subject in enumerate(subjects) if subject is None]
    if unmatched:
        for place, found in zip(unmatched, match.by_query([read[place] for place in unmatched]), strict=True):
            subjects[place] = found
    foreign = _of_others(door, subjects)
    refusals = _refusal_rules(door)
    for place, (event, subject) in enumerate(zip(read, subjects, strict=True)):
        if place in foreign:
            batch.strays.append(_stray_of(door, event, "another provider sent this e-mail"))
        else:
            _add(door, event, subject, now, refusals, batch)
    _take(door, batch)


def _of_others(door: Door, subjects: Sequence[Subject | None]) -> set[int]:
    """Places of e-mails that another provider sent: a secret proves who speaks, not that it is the speaker's mail."""
    try:
        senders = match.senders(subjects)
        strange = {sender for sender in set(senders.values()) if not speaks_for(door, sender)}
    except returned.DatabaseAway:
        # a token that only the sender was given names all of these, for nothing else is matched without PostgreSQL
        return set()
    return {place for place, sender in senders.items() if sender in strange}


def _wanted(
    door: Door, events: Sequence[AnymailTrackingEvent | Unreadable], batch: _Batch
) -> list[AnymailTrackingEvent]:
    """The events of kinds that we keep; what could not be read goes aside."""
    wanted = []
    for event in events:
        if isinstance(event, Unreadable):
            batch.strays.append(_stray(door, event.reason, event.payload))
        elif meaning.kind_of(event):
            wanted.append(event)
    return wanted


def _add(
    door: Door,
    event: AnymailTrackingEvent,
    subject: Subject | None,
    now: dt.datetime,
    refusals: Classifier,
    batch: _Batch,
) -> None:
    at = _time_of(event, now)
    if subject is None:
        batch.strays.append(_stray_of(door, event, "about no e-mail of ours"))
    elif not -AHEAD_SECONDS <= (now - at).total_seconds() <= EVENT_AGE_SECONDS:
        batch.strays.append(_stray_of(door, event, f"it happened at {at:%Y-%m-%d %H:%M} UTC: too long ago, or not yet"))
    else:
        try:
            batch.occurrences.append(_occurrence(door, event, subject, at, refusals))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            log.exception("an event of %s cannot be understood", door.kind.label)
            batch.strays.append(_stray_of(door, event, repr(error)[:300]))


def _occurrence(
    door: Door, event: AnymailTrackingEvent, subject: Subject, at: dt.datetime, refusals: Classifier
) -> Occurrence:
    kind = meaning.kind_of(event)
    about = {**subject.as_fields(), "at": at, "provider_id": door.provider_id}
    if kind in STREAMED:
        visit = meaning.visit_of(event)
        verdict = rules.current().classify(visit)
        made = happened(
            kind,
            **about,
            who=verdict.who,
            who_reason=verdict.reason,
            user_agent=visit.user_agent,
            data={**(visit.signals() or {}), "via": door.kind.name},
        )
    else:
        made = happened(kind, **about, data=_data(door, event, kind, refusals))
    return made._replace(id=_id_of(door, event, at))


def _data(door: Door, event: AnymailTrackingEvent, kind: str, refusals: Classifier) -> dict[str, object]:
    data: dict[str, object] = {"via": door.kind.name}
    if kind in ("bounce", "rejected", "deferred"):
        data |= meaning.refusal_of(event, refusals)
    if kind == "unsubscribe":
        data["scope"] = "all"
    if event.recipient:
        data["address"] = storable(str(event.recipient))[:254]
    return data


def _id_of(door: Door, event: AnymailTrackingEvent, at: dt.datetime) -> UUID:
    """The same for the same event: by the ESP's id where it gives one, else by all that it says.

    With recipient and type, because one notice of SES is about several people, and ids of some ESPs are of a message.
    """
    source = str(event.event_id or "") or _payload(event)
    return id_of(at, door.kind.name, door.provider_id, source, event.recipient, event.event_type)


def _time_of(event: AnymailTrackingEvent, now: dt.datetime) -> dt.datetime:
    """When it happened; without a time of the ESP the hour, so that a repetition soon after is the same event."""
    at = event.timestamp
    if not isinstance(at, dt.datetime):
        return now.replace(minute=0, second=0, microsecond=0)
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _take(door: Door, batch: _Batch) -> None:
    for occurrence in batch.occurrences:
        metrics.add("webhook_events_total", esp=door.kind.name, kind=occurrence.kind)
        if occurrence.kind in STREAMED:
            stream.append(occurrence)
    durable = [occurrence for occurrence in batch.occurrences if occurrence.kind not in STREAMED]
    kept = returned.take(durable)
    if batch.strays:
        with transaction.atomic():
            state.keep_strays(door.provider_id, door.kind.name, batch.strays)
    if kept:
        state.note_event(door.provider_id, door.kind.name)


def _refusal_rules(door: Door) -> Classifier:
    try:
        return reply_rules.current().for_provider(door.provider_id)
    except returned.DatabaseAway:
        return BUILT_IN


def _stray(door: Door, reason: str, payload: str, kind: str = "", recipient: str = "") -> StrayEvent:
    return StrayEvent(
        provider_id=door.provider_id,
        esp=door.kind.name,
        kind=kind,
        recipient=storable(recipient)[:254],
        reason=storable(reason)[:300],
        payload=storable(payload)[:_PAYLOAD_CHARACTERS],
    )


def _stray_of(door: Door, event: AnymailTrackingEvent, reason: str) -> StrayEvent:
    return _stray(door, reason, _payload(event), meaning.kind_of(event), str(event.recipient or ""))


def _payload(event: AnymailTrackingEvent) -> str:
    try:
        return json.dumps(event.esp_event, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        return hashlib.sha256(repr(event.esp_event).encode(errors="replace")).hexdigest()
