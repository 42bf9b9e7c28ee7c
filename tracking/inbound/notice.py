"""Notices of Amazon SES that Amazon SNS passes on by e-mail: JSON in the text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from delivery.engine.classify import Classifier
from tracking.inbound.refusal import judge
from tracking.inbound.report import MessageKind, Recipient, Report

_TYPES = ("notificationType", "eventType")


def report_of(text: str, rules: Classifier) -> Report | None:
    """What such a notice says, None where the text holds none."""
    notice = _notice(text)
    named = str(next((notice[name] for name in _TYPES if name in notice), "")).lower()
    if named == "bounce":
        return Report(MessageKind.BOUNCE, tuple(_refusals(_dict(notice.get("bounce")), rules)))
    if named == "complaint":
        return Report(MessageKind.COMPLAINT, tuple(_named(notice, "complaint", "complainedRecipients")))
    if named == "delivery":
        return Report(MessageKind.DELIVERED, tuple(_named(notice, "delivery", "recipients")))
    return None


def _notice(text: str) -> dict[str, Any]:
    begin, end = text.find("{"), text.rfind("}")
    if not 0 <= begin < end or not any(name in text for name in _TYPES):
        return {}
    try:
        # a text that lost its line breaks' meaning is still one object
        notice, _ = json.JSONDecoder(strict=False).raw_decode(text[begin : end + 1])
    except (ValueError, RecursionError):
        return {}
    return _dict(notice)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:500] if isinstance(value, list) else []


def _refusals(bounce: dict[str, Any], rules: Classifier) -> Iterator[Recipient]:
    delayed = str(bounce.get("bounceType", "")).lower() == "transient"
    for one in map(_dict, _list(bounce.get("bouncedRecipients"))):
        said = str(one.get("diagnosticCode") or f"{bounce.get('bounceType')} {bounce.get('bounceSubType')}")
        status = str(one.get("status") or "")
        yield judge(str(one.get("emailAddress", "")), said, status=status, delayed=delayed, rules=rules)


def _named(notice: dict[str, Any], what: str, field: str) -> Iterator[Recipient]:
    for one in _list(_dict(notice.get(what)).get(field)):
        address = one.get("emailAddress", "") if isinstance(one, dict) else one
        yield Recipient(str(address), rule=f"notice-{what}")
