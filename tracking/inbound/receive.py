"""What becomes of a message that came to us, through whatever door: the one function in which all of them end."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from delivery import metrics, reply_rules
from delivery.engine.classify import BUILT_IN, Classifier
from delivery.storable import storable
from tracking import optout, returned
from tracking.doors import Subject
from tracking.inbound import strays
from tracking.inbound.address import ENVELOPE_HEADERS, Target, target_of, token_in_subject, token_within
from tracking.inbound.fields import addresses_in
from tracking.inbound.message import MAX_BYTES, Inbound, read_message
from tracking.inbound.parse import parse
from tracking.inbound.report import MessageKind, Recipient, Report
from tracking.occurrence import Occurrence, happened, id_of

log = logging.getLogger(__name__)

# how old a message may say that it is: clocks of strangers' servers go wrong
OLDEST = dt.timedelta(days=20)
_KINDS = {MessageKind.BOUNCE: "bounce", MessageKind.COMPLAINT: "complaint", MessageKind.DELIVERED: "delivered"}


def receive(raw: bytes, recipients: Sequence[str] = (), *, via: str, now: dt.datetime | None = None) -> str:
    """Do what a message says, durably; a word for what it was: "bounce", "complaint", "unsubscribe", "stray", ….

    recipients: of the envelope; empty where the door does not know them, and the message's own headers tell then.
    via: "smtp", "lmtp", "mailbox" or "pipe". Only the first megabyte is looked at. Receiving it again changes nothing.
    Raises stream.StreamAway, and what a lost server raises where the message has to be kept aside: come again later.
    """
    raw = raw[:MAX_BYTES]
    inbound = read_message(raw)
    now = now or dt.datetime.now(dt.UTC)
    target = _target(recipients, inbound)
    if target is not None and target.kind == "unsubscribe":
        word = _unsubscribe(raw, inbound, recipients, via, now)
    else:
        word = _returned(raw, inbound, recipients, target, via, now)
    metrics.add("inbound_messages_total", kind=word, via=via)
    return word


def _target(recipients: Sequence[str], inbound: Inbound) -> Target | None:
    """What the message was sent to: one of ours that carries a token before the others."""
    named = [*recipients] or addresses_in(" ".join(inbound.header(name) for name in ENVELOPE_HEADERS))
    found = [target for address in named if (target := target_of(address)) is not None]
    return next((one for one in found if one.subject), found[0] if found else None)


def _unsubscribe(raw: bytes, inbound: Inbound, recipients: Sequence[str], via: str, now: dt.datetime) -> str:
    """Somebody's mail program asks to leave by mail. Its subject has the token; nothing else of it counts."""
    subject = token_in_subject(inbound.header("subject"))
    if subject is None:
        strays.keep(raw, inbound, recipients, parse(raw), "to unsubscribe, without a token of ours in its subject")
        return "stray"
    occurrence = optout.asked("unsubscribe", subject, scope="list", via=f"mail/{via}")
    at = _time_of(inbound, now)
    returned.take([occurrence._replace(at=at, id=id_of(at, "mailto", *subject, _fingerprint(raw, inbound)))])
    return "unsubscribe"


def _returned(
    raw: bytes, inbound: Inbound, recipients: Sequence[str], target: Target | None, via: str, now: dt.datetime
) -> str:
    report = parse(raw, _rules())
    if report.kind is MessageKind.AUTOREPLY:
        return "autoreply"
    subject = (target.subject if target else None) or token_within(raw)
    if subject is None or report.kind not in _KINDS:
        reason = "it says nothing about a delivery" if report.kind is MessageKind.OTHER else "about no e-mail of ours"
        strays.keep(raw, inbound, recipients, report, reason)
        return "stray"
    returned.take(_occurrences(report, subject, via, _time_of(inbound, now), _fingerprint(raw, inbound)))
    return report.kind.value


def _occurrences(report: Report, subject: Subject, via: str, at: dt.datetime, fingerprint: str) -> list[Occurrence]:
    """One event for each address that the report names; an e-mail of ours has one recipient, who may pass it on."""
    people = report.recipients[:5] or (Recipient(""),)
    return [_occurrence(report, one, subject, via, at, fingerprint) for one in people]


def _occurrence(
    report: Report, one: Recipient, subject: Subject, via: str, at: dt.datetime, fingerprint: str
) -> Occurrence:
    kind = "deferred" if report.kind is MessageKind.BOUNCE and one.delayed else _KINDS[report.kind]
    data: dict[str, str] = {"via": via}
    if report.kind is MessageKind.BOUNCE:
        data |= {"class": one.refusal.value, "status": one.status, "reply": storable(one.reply), "rule": one.rule}
    if "@" in one.address:
        data["address"] = storable(one.address)[:254]
    made = happened(kind, at=at, **subject.as_fields(), data=data)
    return made._replace(id=id_of(at, kind, *subject, one.address.lower(), fingerprint))


def _time_of(inbound: Inbound, now: dt.datetime) -> dt.datetime:
    """When the message was written, as it says itself, so that it has one time however often it comes."""
    try:
        at = parsedate_to_datetime(inbound.header("date"))
        at = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return now
    return at if now - OLDEST <= at <= now + dt.timedelta(hours=1) else now


def _fingerprint(raw: bytes, inbound: Inbound) -> str:
    """The same for a message that comes again: servers on the way add lines before it."""
    return inbound.header("message-id") or hashlib.sha256(raw).hexdigest()


def _rules() -> Classifier:
    try:
        return reply_rules.current()
    except returned.DatabaseAway:
        return BUILT_IN
