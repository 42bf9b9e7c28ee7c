"""What an application says to the door in headers of the message: X-MassMailer-…; they never leave with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from delivery.submission.refusal import Refused

NAMES = ("stream", "tags", "priority", "send-at", "metadata", "idempotency-key", "at-least-once")
PREFIX = "x-massmailer-"


@dataclass(frozen=True, slots=True)
class Controls:
    """As the fields of POST /messages."""

    stream: str = "transactional"
    tags: tuple[str, ...] = ()
    priority: int = 5
    send_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""
    at_least_once: bool | None = None


def parse(own: Mapping[str, str]) -> Controls:
    """own: the door's headers by their name in lower case. Raises Refused that names the header and what would do."""
    given = {name.removeprefix(PREFIX): value for name, value in own.items()}
    if unknown := sorted(set(given) - set(NAMES)):
        known = ", ".join(f"X-MassMailer-{name.title()}" for name in NAMES)
        raise Refused("554 5.6.0", f"There is no header X-MassMailer-{unknown[0].title()}; these exist: {known}")
    found: dict[str, Any] = {}
    if "stream" in given:
        found["stream"] = given["stream"]
    if "tags" in given:
        found["tags"] = tuple(tag.strip() for tag in given["tags"].split(",") if tag.strip())
    if "priority" in given:
        found["priority"] = _priority(given["priority"])
    if "send-at" in given:
        found["send_at"] = _moment(given["send-at"])
    if "metadata" in given:
        found["metadata"] = _metadata(given["metadata"])
    if "idempotency-key" in given:
        found["idempotency_key"] = _key(given["idempotency-key"])
    if "at-least-once" in given:
        found["at_least_once"] = _yes(given["at-least-once"])
    return Controls(**found)


def _bad(name: str, cure: str) -> Refused:
    return Refused("554 5.6.0", f"X-MassMailer-{name}: {cure}")


def _priority(text: str) -> int:
    if len(text) != 1 or text not in "0123456789":
        raise _bad("Priority", "a digit from 0 to 9; 9 is the most urgent")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise _bad("Send-At", "a moment with its time zone, such as 2027-01-31T08:00:00Z")
    return found


def _metadata(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _bad("Metadata", 'a JSON object, such as {"order": "7"}')
    return found


def _key(text: str) -> str:
    if not (1 <= len(text) <= 255 and text.isascii() and text.isprintable()):
        raise _bad("Idempotency-Key", "1 to 255 printable ASCII characters")
    return text


def _yes(text: str) -> bool:
    if text.lower() not in ("yes", "no", "true", "false"):
        raise _bad("At-Least-Once", "yes or no")
    return text.lower() in ("yes", "true")
