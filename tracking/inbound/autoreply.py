"""Automatic replies of people who are away (RFC 3834), told apart from notices of servers."""

from __future__ import annotations

from tracking.inbound.fields import address_of
from tracking.inbound.message import Inbound
from tracking.inbound.report import MessageKind, Recipient, Report
from tracking.inbound.signs import ANSWER, AWAY_SUBJECT, AWAY_TEXT, DAEMON, FAILURE

_OWN_HEADERS = ("x-autoreply", "x-autorespond", "x-autoreply-from", "x-vacation", "x-mail-autoreply", "x-away")


def report_of(inbound: Inbound) -> Report | None:
    """The automatic reply that a message is, None where it is none.

    `Auto-Submitted: auto-replied` alone proves nothing: many servers write it into their bounces.
    """
    if "x-failed-recipients" in inbound.headers:
        return None
    subject = inbound.header("subject")
    says_so = _says_so(inbound)
    # an answer carries our own subject, which may well speak of holidays
    is_away = AWAY_SUBJECT.search(subject) is not None and (says_so or not subject.lower().startswith(ANSWER))
    names_failure = FAILURE.search(subject) is not None
    from_server = DAEMON.search(inbound.header("from")) is not None
    if (names_failure and (from_server or not is_away)) or (from_server and not is_away):
        return None
    if is_away or says_so:
        sender = address_of(inbound.header("from"))
        return Report(MessageKind.AUTOREPLY, (Recipient(sender, rule="autoreply"),))
    return None


def _says_so(inbound: Inbound) -> bool:
    return (
        any(name in inbound.headers for name in _OWN_HEADERS)
        or "auto_reply" in inbound.header("precedence").lower()
        or inbound.header("auto-submitted").lower().startswith(("auto-replied", "vacation"))
        or (inbound.header("precedence").lower() == "junk" and AWAY_TEXT.search(inbound.text[:2_000]) is not None)
        or (inbound.header("auto-submitted").lower() not in ("", "no") and AWAY_TEXT.search(inbound.text) is not None)
    )
