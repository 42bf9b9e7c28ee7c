"""Delivery status notifications (RFC 3464), also where their fields stand in plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.engine.classify import Classifier
from tracking.inbound.fields import Fields, address_of
from tracking.inbound.refusal import MAX_REPLY, answered_by, but_stopped, judge, second_look, status_in
from tracking.inbound.report import MessageKind, Recipient, RefusalClass, Report
from tracking.inbound.signs import DELAYED, EXPIRED
from tracking.inbound.words import about, room_for

_ADDRESS_FIELDS = ("original-recipient", "final-recipient", "x-actual-recipient", "original-rcpt-to", "recipient")
_ARRIVED = ("delivered", "relayed", "expanded")
MAX_RECIPIENTS = 500


@dataclass(frozen=True, slots=True)
class _Entry:
    """One recipient's block, read. action: in small letters, made from the status where the block has none."""

    address: str
    action: str
    status: str
    diagnostic: str


def report_of(blocks: list[Fields], words: str, fallback: str, rules: Classifier) -> Report | None:
    """What the blocks of a notification say, None where no block is about a recipient.

    words: the part for people, asked where a block gives no reason. fallback: the address where a block names none.
    """
    entries = _once([entry for block in blocks if (entry := _entry(block, fallback)) is not None])
    refused = [entry for entry in entries if entry.action not in _ARRIVED]
    if refused:
        room, is_warning = room_for(len(refused)), _is_warning(words)
        refusals = [_refusal(entry, words, room, is_warning, rules) for entry in refused]
        return Report(MessageKind.BOUNCE, tuple(but_stopped(refusals, words, rules)))
    if entries:
        return Report(MessageKind.DELIVERED, tuple(map(_arrival, entries)))
    return None


def _entry(block: Fields, fallback: str) -> _Entry | None:
    action = re.match(r"[a-z]*", block.get("action", "").strip().lower())
    status = status_in(block.get("status", ""))
    if not (action and action[0]) and not status:
        return None
    address = next((found for name in _ADDRESS_FIELDS if "@" in (found := address_of(block.get(name, "")))), "")
    address = address or fallback or address_of(block.get("final-recipient", ""))
    diagnostic = block.get("diagnostic-code", "") or block.get("x-diagnostic-code", "")
    remark = block.get("status", "").replace(status, "", 1).strip(" ()") if status else ""
    named = action[0] if action and action[0] else ("delivered" if status.startswith("2") else "failed")
    return _Entry(address, named, status, diagnostic or remark)


def _once(entries: list[_Entry]) -> list[_Entry]:
    """Each address once: what failed counts before what arrived."""
    kept: dict[str, _Entry] = {}
    for entry in entries[:MAX_RECIPIENTS]:
        key = entry.address.lower()
        if key not in kept or kept[key].action in _ARRIVED:
            kept[key] = entry
    return list(kept.values())


def _refusal(entry: _Entry, words: str, room: int, is_warning: bool, rules: Classifier) -> Recipient:
    kind, _, said = entry.diagnostic.partition(";")
    said = (said if re.fullmatch(r"\s*[\w-]{1,30}\s*", kind) else entry.diagnostic)[:room]
    if len(said.strip()) < 4:
        said = about(entry.address, words, room)
    delayed = entry.action == "delayed" or is_warning
    status = entry.status
    if entry.action == "expired" or (status.startswith("5.0") and EXPIRED.search(said)):
        status = "4.4.7"
    first = judge(entry.address, said, status=status, delayed=delayed, rules=rules)
    if first.refusal is RefusalClass.HARD:
        # a diagnostic code seldom says what it answered, the words for people do
        answered = answered_by(entry.address, words, room)
        first = judge(entry.address, said, status=status, answered=answered, delayed=delayed, rules=rules)
    return second_look(first, words, room=room, status=status, delayed=delayed, rules=rules)


def _is_warning(words: str) -> bool:
    return DELAYED.search(words[:2_000]) is not None and "warning" in words[:2_000].lower()


def _arrival(entry: _Entry) -> Recipient:
    said = entry.diagnostic.partition(";")[2] or entry.diagnostic
    return Recipient(entry.address, status=entry.status, reply=said.strip()[:MAX_REPLY], rule=entry.action)
