"""Reading a message that a stranger sent, within limits of size, depth and number of parts."""

from __future__ import annotations

import email
import email.parser
import email.policy
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message

from tracking.inbound.fields import Fields, blocks_of

MAX_BYTES = 1_000_000
MAX_HEAD = 100_000
MAX_TEXT = 40_000
_MAX_CONTAINERS = 30
_MAX_BOUNDARIES = 1_000
_MAX_PARTS = 100
_MAX_HEADER = 2_000

# what the standard library's reader is known to raise on malformed messages
_MALFORMED = (MessageError, HeaderParseError, LookupError, ValueError, TypeError, AttributeError, RecursionError)
_CONTAINER = re.compile(rb"^content-type:\s{0,80}(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
# parameters are read in quadratic time
_LONG_TYPE = re.compile(rb"^content-type:(?:[^\n]|\n[ \t]){2000}", re.IGNORECASE | re.MULTILINE)
_ORIGINAL = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/partial")
# the standard library makes a message of each block of a report, in more than linear time: they are read as text
_REPORT = re.compile(
    rb"^(content-type:\s{0,80})message/(delivery-status|global-delivery-status|feedback-report|disposition-notification)",
    re.IGNORECASE | re.MULTILINE,
)
_STATUS = ("text/x-report-delivery-status", "text/x-report-global-delivery-status")
_TAGS = re.compile(r"<(/?)(style|head|script)\b[^<>]{0,500}>|<[^<>]{0,500}>", re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^<>]{0,200}>", re.IGNORECASE)


@dataclass(slots=True)
class Inbound:
    """The parts of a message that matter here.

    headers: the first of each name, in small letters, decoded. text: what people read, at most MAX_TEXT characters.
    status, feedback, disposition: blocks of the machine-readable parts. original: headers of the message it is about.
    """

    headers: Fields = field(default_factory=dict)
    text: str = ""
    status: list[Fields] = field(default_factory=list)
    feedback: list[Fields] = field(default_factory=list)
    disposition: list[Fields] = field(default_factory=list)
    original: Fields = field(default_factory=dict)

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


def read_message(raw: bytes) -> Inbound:
    """Read a message; never raises. Looks at its first MAX_BYTES bytes; what cannot be taken apart is read as text."""
    raw = _tidied(raw)
    message = _unwrapped(_parsed(raw))
    inbound = Inbound(headers=_headers(message))
    plain: list[str] = []
    marked_up: list[str] = []
    for part in _leaves(message):
        kind = _type_of(part)
        if kind in _STATUS:
            inbound.status += blocks_of(_text_of(part))
        elif kind == "text/x-report-feedback-report":
            inbound.feedback += blocks_of(_text_of(part))
        elif kind == "text/x-report-disposition-notification":
            inbound.disposition += blocks_of(_text_of(part))
        elif kind in _ORIGINAL:
            inbound.original = inbound.original or _original_headers(part)
        elif kind.startswith("text/") and not inbound.original:
            (marked_up if kind == "text/html" else plain).append(_text_of(part))
    text = "\n".join(plain)
    if not text.strip():
        text = "\n".join(map(_without_tags, marked_up))
    # a bounce whose parts cannot be told apart is read as plain text
    inbound.text = (text if text.strip() else _body_as_text(raw))[:MAX_TEXT]
    return inbound


def _tidied(raw: bytes) -> bytes:
    raw = raw[:MAX_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b" ")
    head, gap, body = raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\n").partition(b"\n\n")
    return _REPORT.sub(rb"\1text/x-report-\2", head[:MAX_HEAD] + gap + body)


def _parsed(raw: bytes) -> Message:
    parser = email.parser.BytesParser(policy=email.policy.compat32)
    if _can_be_taken_apart(raw):
        try:
            return parser.parsebytes(raw)
        except _MALFORMED:
            pass  # its headers are read still
    try:
        return parser.parsebytes(raw, headersonly=True)
    except _MALFORMED:
        return Message()


def _unwrapped(message: Message) -> Message:
    """The report inside of a message that carries one, or nothing but one message: gateways pass bounces on so."""
    if _type_of(message) == "multipart/report":
        return message
    leaves = list(_leaves(message))
    for leaf in leaves:
        payload = _payload(leaf) if _type_of(leaf) == "message/rfc822" else None
        if isinstance(payload, list) and payload and isinstance(payload[0], Message):
            is_alone = len(leaves) == 1 and message.is_multipart()
            return payload[0] if is_alone or _type_of(payload[0]) == "multipart/report" else message
    return message


def _can_be_taken_apart(raw: bytes) -> bool:
    """Whether the parts are so few and so little nested that reading them costs no more than their size."""
    return (
        len(_CONTAINER.findall(raw)) <= _MAX_CONTAINERS
        and raw.count(b"\n--") <= _MAX_BOUNDARIES
        and _LONG_TYPE.search(raw) is None
    )


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that are no multipart, in order, at most _MAX_PARTS; the original message counts as one of them."""
    waiting = [message]
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        payload = _payload(part)
        if isinstance(payload, list) and not _type_of(part).startswith("message/"):
            waiting.extend(reversed([one for one in payload if isinstance(one, Message)]))
        else:
            yield part


def _type_of(part: Message) -> str:
    try:
        return part.get_content_type()
    except _MALFORMED:
        return "text/plain"


def _headers(message: Message) -> Fields:
    found: Fields = {}
    for name, value in message.raw_items():
        found.setdefault(name.lower(), _decoded(str(value)[:_MAX_HEADER]))
    return found


def _original_headers(part: Message) -> Fields:
    payload = _payload(part)
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return _headers(payload[0])
    found = blocks_of(_text_of(part))
    return found[0] if found else {}


def _decoded(value: str) -> str:
    """A header with its encoded words read; as it stands where they are malformed."""
    value = " ".join(_as_text(value.encode("utf-8", "surrogateescape"), None).split())
    try:
        words = decode_header(value) if "=?" in value else [(value, None)]
        return "".join(_as_text(word, charset) if isinstance(word, bytes) else word for word, charset in words)
    except _MALFORMED:
        return value


def _as_text(content: bytes, charset: str | None) -> str:
    """Decode as declared, as UTF-8 where that fails, and with gaps where both do."""
    for name in (charset or "utf-8", "utf-8"):
        try:
            return content.decode(name)
        except (LookupError, ValueError):
            continue
    try:
        return content.decode(charset or "latin-1", "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


def _payload(part: Message, *, decode: bool = False) -> object:
    """What a part holds. A content type that makes that impossible is dropped: it is not missed."""
    for _ in range(2):
        try:
            return part.get_payload(decode=True) if decode else part.get_payload()
        except _MALFORMED:
            del part["Content-Type"]
    return ""


def _charset_of(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except _MALFORMED:
        return None


def _text_of(part: Message) -> str:
    payload = _payload(part, decode=True)
    if isinstance(payload, bytes):
        text = _as_text(payload, _charset_of(part))
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")
    return payload if isinstance(payload, str) else ""


def _body_as_text(raw: bytes) -> str:
    _, _, body = raw.partition(b"\n\n")
    text = _as_text(body[:MAX_TEXT], None)
    return _without_tags(text) if re.search(r"<(?:html|body|p|br)\b", text, re.IGNORECASE) else text


def _without_tags(text: str) -> str:
    return html.unescape(_shown(_BREAKS.sub("\n", text[: 4 * MAX_TEXT])))


def _shown(text: str) -> str:
    """Without tags, and without what stands in those that show nothing. One pass, whatever is opened and never closed.

    A look-ahead for the end of each such tag took 20 s for 140 kB of nothing but openings.
    """
    tags = list(_TAGS.finditer(text))
    ends = {tag[2].lower(): tag.start() for tag in tags if tag[1]}
    kept, at, hidden = [], 0, ""
    for tag in tags:
        if not hidden:
            kept.append(text[at : tag.start()])
            name = (tag[2] or "").lower()
            hidden = name if not tag[1] and ends.get(name, 0) > tag.start() else ""
            at = tag.end()
        elif tag[1] and tag[2].lower() == hidden:
            hidden, at = "", tag.end()
    return " ".join([*kept, text[at:]])
