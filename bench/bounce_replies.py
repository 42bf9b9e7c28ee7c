"""The replies that a bounce quotes, for scoring the rule table; a rough reader, good enough for known corpora."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import Message

from delivery.engine.reply_text import read_reply

# where the copy of the original message begins
_ORIGINAL = re.compile(
    r"^(-+ ?(this is a copy|original message|the header of the original|below this line|returned message|unsent message"
    r"|the body of|message follows|forwarded)|original message follows|message headers follow|return-path:|received:"
    r"|below is a copy|your message (was|reads)|original headers|x-\w+-?\w*:|dkim-signature:)",
    re.IGNORECASE | re.MULTILINE,
)
_FURNITURE = re.compile(
    r"^(hi\. this is|i'm afraid i|this is a permanent error|this message was created|a message that you sent"
    r"|message that|its recipients|recipients\. this|if you do so|delete your own|for further assistance"
    r"|i'm sorry|be delivered to"
    r"|the following address|returned message|please note|you do not need|the message is kept|this is the|    hi!).*$",
    re.IGNORECASE | re.MULTILINE,
)
_TEMPORARY = ("delayed", "expired")


@dataclass(frozen=True, slots=True)
class Found:
    """What the table is asked about. code: 400-599, a guess where the bounce names none."""

    code: int
    enhanced: str | None
    words: str
    about_recipient: bool = True


def replies_of(raw: bytes) -> list[Found]:
    """One reply for each recipient that a bounce reports on, in order; always one at least."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    body = _body(message)
    blocks = [block for block in _status_blocks(message) if block.get("Action") or block.get("Status")]
    return [_from_block(block, body) for block in blocks] or [_from_text(body, "")]


def _status_blocks(message: Message) -> list[Message]:
    return [
        block
        for part in message.walk()
        if part.get_content_type() == "message/delivery-status" and isinstance(part.get_payload(), list)
        for block in part.get_payload()
    ]


def _from_block(block: Message, body: str) -> Found:
    status_line = str(block.get("Status") or "")
    status = re.search(r"[245]\.\d{1,3}\.\d{1,3}", status_line)
    enhanced = status[0] if status else ""
    diagnostic = " ".join(str(block.get("Diagnostic-Code") or "").split())
    if str(block.get("Action") or "").strip().lower() in _TEMPORARY and not enhanced.startswith("4"):
        enhanced = "4.4.7"
    reply = read_reply(diagnostic) if diagnostic else None
    if reply is not None:
        return Found(reply.code, reply.enhanced or _telling(enhanced), reply.words, reply.about_recipient)
    words = diagnostic.partition(";")[2] or diagnostic
    if len(words.strip()) < 4:
        return _from_text(f"{status_line} {body}", enhanced)
    return Found(_code_of(enhanced), _telling(enhanced), words)


def _from_text(text: str, enhanced: str) -> Found:
    reply = read_reply(text)
    if reply is not None and reply.has_code:
        return Found(reply.code, reply.enhanced or _telling(enhanced), reply.words[:400], reply.about_recipient)
    status = enhanced or (reply.enhanced if reply is not None else None) or ""
    return Found(_code_of(status), _telling(status), " ".join(text.split()))


def _code_of(enhanced: str) -> int:
    return 450 if enhanced.startswith("4") else 550


def _telling(enhanced: str) -> str | None:
    """An enhanced code that says something: x.0.0 says that nobody knew."""
    return None if not enhanced or enhanced.endswith(".0.0") else enhanced


def _body(message: Message) -> str:
    texts = []
    for part in message.walk():
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/delivery-status"):
            break
        if part.get_content_maintype() != "text":
            continue
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset() or "utf-8"
        try:
            text = payload.decode(charset, "replace") if isinstance(payload, bytes) else ""
        except LookupError:
            text = payload.decode("latin-1") if isinstance(payload, bytes) else ""
        if part.get_content_subtype() == "html":
            text = re.sub(r"(?s)<(style|head)\b.*?</\1>|<[^>]*>", " ", text)
        start = _ORIGINAL.search(text, 1)
        texts.append(text[: start.start()] if start else text)
    # a bounce whose parts cannot be told apart is read as plain text
    whole = "\n".join(texts) if any(map(str.strip, texts)) else _raw_text(message)
    return _FURNITURE.sub("", whole)


def _raw_text(message: Message) -> str:
    text = message.as_string().partition("\n\n")[2]
    start = _ORIGINAL.search(text, 1)
    return text[: start.start()] if start else text
