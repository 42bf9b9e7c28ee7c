"""What an ESP's event means in our terms: its kind, the class of a refusal, and the request behind an open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

from delivery.engine.classify import Classifier
from delivery.storable import storable
from tracking import who
from tracking.inbound.refusal import judge, status_in
from tracking.inbound.report import RefusalClass
from tracking.occurrence import USER_AGENT_CHARACTERS

# what has no kind of ours says nothing about an e-mail that we do not know: taken over, sent, answered by a robot
KINDS: Mapping[str, str] = {
    EventType.DELIVERED: "delivered",
    EventType.BOUNCED: "bounce",
    EventType.FAILED: "rejected",
    EventType.REJECTED: "rejected",
    EventType.DEFERRED: "deferred",
    EventType.COMPLAINED: "complaint",
    EventType.UNSUBSCRIBED: "unsubscribe",
    EventType.OPENED: "open",
    EventType.CLICKED: "click",
}
# the words by which ESPs say that a bounce is for ever; everything else is not
_FOR_EVER = frozenset(
    {"permanent", "hardbounce", "hard_bounce", "hard_bounced", "invalid_email", "bademailaddress", "10", "30"}
)
_PASSING = frozenset(
    {"transient", "undetermined", "softbounce", "soft_bounce", "soft_bounced", "blocked", "20", "21", "22", "24", "70"}
)
# of the mailbox itself, where an ESP gives no reply of its server
_FULL = frozenset({"mailboxfull", "quota exceeded", "22"})


def kind_of(event: AnymailTrackingEvent) -> str:
    """The kind of our event, "" for what we do not keep."""
    return KINDS.get(event.event_type, "")


def refusal_of(event: AnymailTrackingEvent, rules: Classifier) -> dict[str, Any]:
    """The data of a bounce, rejection or deferral: class, status, reply, rule.

    The server's reply decides, by the rules of replies; where it says nothing, the ESP's own words do.
    """
    raw = _raw(event)
    reply = str(event.mta_response or event.description or "")
    status = status_in(str(raw.get("status") or "")) or status_in(reply)
    delayed = event.event_type == EventType.DEFERRED
    judged = judge("", reply, status=status, delayed=delayed, rules=rules)
    refusal, rule = judged.refusal, judged.rule
    if refusal is RefusalClass.UNDETERMINED or not reply:
        refusal, rule = _by_hints(event, raw), f"esp-{event.reject_reason or event.event_type}"
    return {
        "class": refusal.value,
        "status": judged.status,
        "reply": storable(judged.reply or reply)[:500],
        "rule": rule,
    }


def _by_hints(event: AnymailTrackingEvent, raw: Mapping[str, Any]) -> RefusalClass:
    if event.event_type == EventType.DEFERRED:
        return RefusalClass.TRANSIENT
    if event.event_type == EventType.REJECTED:
        # the ESP knows from before that the address bounces, or cannot be one
        is_dead = event.reject_reason in (RejectReason.INVALID, RejectReason.BOUNCED)
        return RefusalClass.HARD if is_dead else RefusalClass.BLOCK
    if event.reject_reason in (RejectReason.BLOCKED, RejectReason.SPAM):
        return RefusalClass.BLOCK
    hints = _hints(raw)
    if hints & _FULL:
        return RefusalClass.SOFT
    if hints & _FOR_EVER or event.reject_reason == RejectReason.INVALID:
        return RefusalClass.HARD
    return RefusalClass.TRANSIENT if hints & _PASSING else RefusalClass.UNDETERMINED


def _hints(raw: Mapping[str, Any]) -> set[str]:
    """The ESP's own words for the kind of a bounce, in small letters."""
    inner = _inner(raw)
    bounce = inner.get("bounce")
    bounce = bounce if isinstance(bounce, dict) else {}
    named = [
        bounce.get("bounceType"), bounce.get("bounceSubType"), bounce.get("type"), bounce.get("subType"),
        inner.get("Type"), inner.get("event"), inner.get("severity"), inner.get("bounce_class"), inner.get("error"),
        inner.get("type"),
    ]  # fmt: skip
    if inner.get("hard_bounce") is True:
        named.append("permanent")
    return {str(one).lower() for one in named if one}


def visit_of(event: AnymailTrackingEvent) -> who.Visit:
    """What an ESP shows of the request behind an open or click, with its own word where it calls that a machine's."""
    raw = _inner(_raw(event))
    client = raw.get("client-info")
    is_machine = (
        raw.get("sg_machine_open") in (True, "true", 1)
        or bool(client.get("bot") if isinstance(client, dict) else "")
        or raw.get("is_prefetched") in (True, "true", 1)
        or raw.get("event") in ("proxy_open", "unique_proxy_open")
    )
    agent = str(event.user_agent or "")[:USER_AGENT_CHARACTERS]
    return who.Visit(kind_of(event), user_agent=agent, claim="machine" if is_machine else "")


def _raw(event: AnymailTrackingEvent) -> Mapping[str, Any]:
    raw = event.esp_event
    if isinstance(raw, dict):
        return raw
    return dict(raw.items()) if hasattr(raw, "items") else {}


def _inner(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event inside of what an ESP wraps around it."""
    msys = raw.get("msys")
    wrapped = next(iter(msys.values()), None) if isinstance(msys, dict) else None
    for found in (wrapped, raw.get("event-data"), raw.get("data")):
        if isinstance(found, dict):
            return found
    return raw
