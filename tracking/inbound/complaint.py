"""Complaints: abuse reports in the form of RFC 5965, and the older ones in plain words."""

from __future__ import annotations

from tracking.inbound.fields import Fields, address_of
from tracking.inbound.message import Inbound
from tracking.inbound.report import MessageKind, Recipient, Report
from tracking.inbound.signs import COMPLAINT

_ADDRESS_FIELDS = ("original-rcpt-to", "removal-recipient", "x-hmxmroriginalrecipient")
# reports of authentication failures (RFC 6591) and of mail wrongly taken for spam: nobody complained
_NO_COMPLAINT = ("auth-failure", "not-spam", "dmarc")


def report_of(inbound: Inbound) -> Report | None:
    """The complaint that a message is, None where it is none. A report of another feedback type is kind other."""
    fields = _merged(inbound.feedback)
    if not fields and not _in_words(inbound):
        return None
    kind = fields.get("feedback-type", "").split(";")[0].strip().lower() or "abuse"
    if kind in _NO_COMPLAINT:
        return Report()
    address = _address(fields, inbound)
    return Report(MessageKind.COMPLAINT, (Recipient(address, rule=f"feedback-{kind[:40]}"),))


def _in_words(inbound: Inbound) -> bool:
    return COMPLAINT.search(inbound.header("subject")) is not None or (
        bool(inbound.original) and COMPLAINT.search(inbound.text[:1_000]) is not None
    )


def _merged(blocks: list[Fields]) -> Fields:
    merged: Fields = {}
    for block in blocks:
        merged = block | merged
    return merged


def _address(fields: Fields, inbound: Inbound) -> str:
    named = [fields.get(name, "") or inbound.original.get(name, "") for name in _ADDRESS_FIELDS]
    return next(filter(None, map(address_of, [*named, inbound.original.get("to", "")])), "")
