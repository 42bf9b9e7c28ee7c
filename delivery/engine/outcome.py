"""What became of one message in one attempt: the value that everything above the engine works with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The class of an outcome, in the words of the rule table.

    Only `ACCEPTED` means that the server took responsibility. `UNKNOWN` means that it may have: the final dot was
    written and no reply came. Every other kind is positive proof that the message was not accepted.
    """

    ACCEPTED = "accepted"
    TRANSIENT = "transient"
    SOFT = "soft"
    THROTTLE = "throttle"
    HARD = "hard"
    BLOCK = "block"
    CONTENT = "content"
    SENDER = "sender"
    UNDETERMINED = "undetermined"
    RENDER_ERROR = "render_error"
    NOT_ATTEMPTED = "not_attempted"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Answered(StrEnum):
    """What a refusal answered, which limits what it can prove about the recipient.

    SENDER: the greeting, EHLO or MAIL; the server had not heard of the recipient. MESSAGE: DATA or the content, after
    the recipient was accepted. RECIPIENT: RCPT, and all that nobody knows better of.
    """

    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One message, one attempt, one frozen result.

    code: SMTP reply code 200-599, or None when no reply was read.
    enhanced: RFC 3463 status "x.y.z", or None.
    reply: the server's words, or ours for what never reached a server; cut to 500 characters by the ledger.
    rule: name of the rule that classified the reply, "" where none was needed.
    esp_message_id: the provider's id for the message, "" where it gives none.
    retry_after_seconds: how long the server asked us to wait, None where it named no time.
    """

    kind: Kind
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""
    rule: str = ""
    esp_message_id: str = ""
    retry_after_seconds: float | None = None
