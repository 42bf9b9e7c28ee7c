"""Writing deliveries down, in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Lead
from delivery.messages.events import Change, Statement
from delivery.models import Link, Message
from tracking.hooks import sql
from tracking.hooks.kinds import OF_CAMPAIGNS, OF_EVENTS, OF_MESSAGES
from tracking.hooks.news import News, body_of, columns, new_id
from tracking.ledger import Known
from tracking.occurrence import Occurrence


def enqueue(fresh: Sequence[tuple[Occurrence, Known | None]]) -> None:
    """Tell endpoints of events. Call in the transaction that inserted exactly these. 0.1 ms where nobody listens."""
    if not fresh:
        return
    with connection.cursor() as cursor:
        cursor.execute(sql.WANTED)
        wanted = {kind for (kind,) in cursor.fetchall()}
    events = [o for o, _ in fresh if OF_EVENTS.get(o.kind) in wanted] if wanted else []
    if events:
        write(_of_events(events))


def message_changed(changes: Sequence[Change]) -> Iterable[Statement]:
    """A listener for the kinds of OF_MESSAGES: one statement, which finds out by itself who wants to know."""
    news = [_of_message(change, OF_MESSAGES[change.kind]) for change in changes]
    return [Statement(sql.ENQUEUE, columns(news))]


def campaign_moved(campaign_id: int, state: str) -> None:
    """A listener of campaigns' states. Call in the transaction of the change."""
    kind = OF_CAMPAIGNS.get(state)
    campaign = Campaign.objects.filter(pk=campaign_id).values("id", "name", "audience", "state_reason").first()
    if kind and campaign:
        data = {"campaign": campaign, "state": state}
        write([News(new_id(), kind, body_of(kind, timezone.now(), data), "marketing")])


def write(news: Sequence[News]) -> None:
    """Write a delivery for each endpoint that wants to know."""
    with connection.cursor() as cursor:
        cursor.execute(sql.ENQUEUE, columns(news))


def _of_events(events: Sequence[Occurrence]) -> list[News]:
    addresses = dict(Lead.objects.filter(pk__in={o.lead_id for o in events}).values_list("pk", "email"))
    names = dict(Campaign.objects.filter(pk__in={o.campaign_id for o in events}).values_list("pk", "name"))
    messages: dict[int, dict[str, Any]] = {
        row["id"]: dict(row)
        for row in Message.objects.filter(id__in={o.message_id for o in events if o.message_id}).values(
            "id", "to_address", "stream", "tags", "metadata"
        )
    }
    links = _links(events)
    return [_of_event(o, addresses, names, messages.get(o.message_id or 0), links) for o in events]


def _links(events: Sequence[Occurrence]) -> dict[tuple[int, int], str]:
    """Where clicked links of campaigns lead, as they were frozen: merge tags stand for themselves."""
    campaigns = {o.campaign_id for o in events if o.kind == "click" and o.campaign_id}
    if not campaigns:
        return {}
    rows = Link.objects.filter(campaign_id__in=campaigns).values_list("campaign_id", "number", "url")
    return {(campaign_id, number): url for campaign_id, number, url in rows}


def _of_event(
    o: Occurrence,
    addresses: dict[int, str],
    names: dict[int, str],
    message: dict[str, Any] | None,
    links: dict[tuple[int, int], str],
) -> News:
    kind = OF_EVENTS[o.kind]
    data: dict[str, Any] = {"id": o.id.hex, "email": addresses.get(o.lead_id or 0)}
    if o.message_id:
        found = message or {}
        data |= {"email": found.get("to_address"), "message_id": o.message_id}
        data |= {"tags": found.get("tags", []), "metadata": found.get("metadata", {})}
    else:
        data |= {"lead_id": o.lead_id, "campaign": {"id": o.campaign_id, "name": names.get(o.campaign_id or 0)}}
    if o.kind in ("open", "click"):
        data |= {"who": o.who, "who_reason": o.who_reason, "user_agent": o.user_agent}
    if o.kind == "click":
        data |= {"link": o.link_number, "url": links.get((o.campaign_id or 0, o.link_number or 0))}
    if o.kind not in ("open", "click") and (kept := o.kept_data()):
        data["details"] = kept
    stream = "transactional" if o.message_id else "marketing"
    tags = (message or {}).get("tags") or ()
    is_person = o.who == "human" or o.kind not in ("open", "click")
    address = str(data["email"] or "")
    return News(f"evt_{o.id.hex}", kind, body_of(kind, o.at, data), stream, o.lead_id, tags, is_person, address)


def _of_message(change: Change, kind: str) -> News:
    data = {
        "message_id": change.message_id,
        "email": change.to_address,
        "status": change.kind,
        "code": change.code,
        "enhanced": change.enhanced,
        "detail": change.detail,
        "tags": change.tags,
        "metadata": change.metadata,
        "created_at": change.created_at,
    }
    body = body_of(kind, timezone.now(), data)
    return News(new_id(), kind, body, "transactional", tags=change.tags or (), address=change.to_address or "")
