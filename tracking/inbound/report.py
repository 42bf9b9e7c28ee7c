"""What a message that came back says, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class MessageKind(StrEnum):
    """What a message that came back is. `OTHER` is everything that says nothing about the delivery of ours."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    AUTOREPLY = "autoreply"
    DELIVERED = "delivered"
    OTHER = "other"


class RefusalClass(StrEnum):
    """The class of a refusal. Only `HARD` says that the address should get nothing any more."""

    HARD = "hard"
    SOFT = "soft"
    TRANSIENT = "transient"
    THROTTLE = "throttle"
    BLOCK = "block"
    CONTENT = "content"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a message reports on.

    address: "" where the message does not name it. refusal: means something in a bounce only.
    status: "x.y.z" of RFC 3463, or "". reply: the server's words, at most 500 characters.
    rule: the rule that chose the class; in other kinds what the message was known by.
    delayed: the server goes on trying; nothing is decided yet.
    """

    address: str
    refusal: RefusalClass = RefusalClass.UNDETERMINED
    status: str = ""
    reply: str = ""
    rule: str = ""
    delayed: bool = False

    def as_dict(self) -> dict[str, str]:
        return {
            "address": self.address,
            "class": self.refusal.value,
            "status": self.status,
            "reply": self.reply,
            "rule": self.rule,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What one message says: its kind and the addresses it is about, in the message's order."""

    kind: MessageKind = MessageKind.OTHER
    recipients: tuple[Recipient, ...] = field(default=())

    def as_dict(self) -> dict[str, object]:
        return {"kind": self.kind.value, "recipients": [one.as_dict() for one in self.recipients]}
