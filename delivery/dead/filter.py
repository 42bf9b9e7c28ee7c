"""Which dead letters a person means, and why a letter is dead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

from django.utils import timezone

from delivery.engine.classify import Classifier
from delivery.engine.outcome import Kind
from delivery.reply_words import Recorded, explain

# no reply was read: nobody could be reached, or the connection broke
UNREACHED = "unreached"
CLASSES: dict[str, str] = {
    UNREACHED: "Not reached",
    Kind.TRANSIENT: "Temporary refusal",
    Kind.SOFT: "Mailbox full",
    Kind.THROTTLE: "Throttled",
    Kind.BLOCK: "Blocked by policy",
    Kind.HARD: "Address does not exist",
    Kind.CONTENT: "Content refused",
    Kind.SENDER: "Our sender refused",
    Kind.UNDETERMINED: "Refused without a reason",
}


def details(classifier: Classifier) -> dict[str, str]:
    """Rules by name, with their reasons: most dead letters were refused for now, so that class alone says little."""
    rules = (*classifier.own, *classifier.rules)
    return {rule.name: rule.reason for rule in rules if rule.kind is Kind.TRANSIENT}


@dataclass(frozen=True, slots=True)
class DeadFilter:
    """reply: words in the last reply, in any case. code: its SMTP code. reason: a key of CLASSES or a rule's name.

    domain, group: of the recipient's address. since, until: days of the last try, both included.
    Every field that is empty or None lets everything through.
    """

    reply: str = ""
    code: int | None = None
    provider_id: int | None = None
    campaign_id: int | None = None
    group: str = ""
    domain: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """What is asked for, as JSON values; `from_dict` reads it."""
        found = {key: value for key, value in asdict(self).items() if value not in (None, "")}
        return {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in found.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DeadFilter:
        """Raises ValueError for a day that is none, TypeError for a field that there is not."""
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise TypeError(f"A filter has no {', '.join(sorted(unknown))}.")
        days = {key: dt.date.fromisoformat(values[key]) for key in ("since", "until") if values.get(key)}
        return cls(**{**values, **days})

    def parameters(self) -> dict[str, Any]:
        """For the statements of `delivery.dead.sql`."""
        return {
            "reply": self.reply,
            "code": self.code,
            "provider": self.provider_id,
            "group": self.group,
            "domain": self.domain.lower(),
            "since": _midnight(self.since) if self.since else None,
            "until": _midnight(self.until + dt.timedelta(days=1)) if self.until and self.until < dt.date.max else None,
        }


def _midnight(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


@dataclass(frozen=True, slots=True)
class Why:
    """Why a letter is dead. kind: a key of CLASSES. rule: its name, "" where none matched. words: for the person."""

    kind: str
    rule: str
    words: str


@lru_cache(maxsize=8192)
def why(recorded: Recorded, classifier: Classifier) -> Why:
    """What these rules say of a last reply; thousands of letters of one campaign have the same."""
    verdict = explain(recorded, classifier)
    if verdict is not None:
        return Why(verdict.kind.value, verdict.rule, verdict.reason)
    kind = UNREACHED if recorded.is_smtp or recorded.code is None else Kind.UNDETERMINED.value
    return Why(kind, "", CLASSES[kind])
