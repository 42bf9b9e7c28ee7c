"""Which headers a sender of transactional mail may set."""

from __future__ import annotations

import re
from collections.abc import Iterable

from delivery.engine.headers import HeaderInvalid, checked

MAX_HEADERS = 30
MAX_BYTES = 8_192
ALLOWED = frozenset(
    (
        "in-reply-to", "references", "list-id", "list-help", "list-owner", "list-post", "list-archive",
        "list-subscribe", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "importance", "priority",
        "sensitivity", "organization", "keywords", "comments", "expires", "feedback-id", "content-language",
    )
)  # fmt: skip
# orders to an ESP behind a relay, which knows no suppression of ours: X-SMTPAPI names other recipients, X-MC-BccAddress
# adds one. Sources: the ESPs' SMTP references, as in delivery/esp/smtp_metadata.py.
STEERS_ESP = re.compile(
    r"x-(?:smtpapi|msys-api|(?:mc|mailgun|mj|mailjet|pm|mailin|sib|ses|mailersend|elasticemail|smtp2go)-)", re.I
)
# the door's own, and what names or signs the message on its way
_REFUSED = re.compile(r"x-massmailer-|x-(?:sender|receiver|original-|envelope-|return-path|dkim|google-)", re.I)


def check(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers as they may go out, in order. Raises HeaderInvalid, which names the header and the reason.

    Refused are all but X-… and those of ALLOWED, a name that occurs twice, line breaks and control characters.
    """
    found = list(headers)
    if len(found) > MAX_HEADERS:
        raise HeaderInvalid(f"{len(found)} headers: at most {MAX_HEADERS} are allowed")
    if sum(len(name) + len(value.encode("utf-8", "replace")) for name, value in found) > MAX_BYTES:
        raise HeaderInvalid(f"the headers are too large: at most {MAX_BYTES} bytes together are allowed")
    seen: set[str] = set()
    for name, value in found:
        _check_one(name, value)
        if name.lower() in seen:
            raise HeaderInvalid(f"{name}: this header stands there twice")
        seen.add(name.lower())
    return found


def _check_one(name: str, value: str) -> None:
    lower = name.lower()
    if not value.strip():
        raise HeaderInvalid(f"{name}: the value is empty")
    if _REFUSED.match(lower) or STEERS_ESP.match(lower) or not (lower.startswith("x-") or lower in ALLOWED):
        # the name as typed is not repeated where it could be anything
        shown = name if name.isascii() and name.isprintable() else "this name"
        raise HeaderInvalid(f"{shown}: not a header that may be set; X-…, {', '.join(sorted(ALLOWED))} may")
    if not value.isprintable():
        raise HeaderInvalid(f"{name}: line breaks and control characters are not allowed")
    checked(name, value)
