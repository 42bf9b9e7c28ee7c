"""Reading a submitted message: it leaves as it was written, but for what belongs to the door and to the envelope."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError, InvalidHeaderDefect
from email.generator import BytesGenerator
from email.headerregistry import AddressHeader
from io import BytesIO

from campaigns import addresses
from delivery.engine.dkim import split_lines
from delivery.engine.headers import unstructured
from delivery.engine.message import Mailbox
from delivery.messages.headers import STEERS_ESP
from delivery.storable import storable
from delivery.submission.refusal import Refused

OWN_PREFIX = b"x-massmailer-"
_STRIPPED = frozenset((b"bcc", b"resent-bcc", b"return-path"))
_ONCE = frozenset((b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version"))
_ADDRESSES = frozenset((b"from", b"sender", b"reply-to", b"to", b"cc"))
_is_name = re.compile(rb"[!-9;-~]{1,76}").fullmatch
_BARE_BREAK = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# more than any honest chain of servers adds: a loop
MAX_RECEIVED = 50
MAX_HEADER_BYTES = 256 * 1024
EIGHT_BIT = "A part has 8-bit text that is not of its charset; say charset=utf-8 in its Content-Type"
_SEVEN_BIT = email.policy.compat32.clone(cte_type="7bit", linesep="\r\n")


@dataclass(frozen=True, slots=True)
class Submitted:
    """sender: of the From header. message: for `delivery.messages.raw.pack`. own: the door's headers, in lower case."""

    sender: Mailbox
    message: bytes
    own: dict[str, str]
    subject: str


def read(content: bytes) -> Submitted:
    """Take a message apart as far as it must be. Raises Refused for what cannot be carried faithfully."""
    if _BARE_BREAK.search(content):
        raise Refused("554 5.6.0", "Lines end in CR LF: this message has one without the other")
    head, gap, body = content.partition(b"\r\n\r\n")
    if not gap:
        head, body = content.removesuffix(b"\r\n"), b""
    lines = _header_lines(head)
    named = [(line.partition(b":")[0].lower(), line) for line in lines]
    _check_names([name for name, _ in named])
    own = {name.decode(): _value(line) for name, line in named if name.startswith(OWN_PREFIX)}
    kept = [(n, line) for n, line in named if n not in _STRIPPED and not n.startswith(OWN_PREFIX)]
    if not body.isascii():
        kept, body = _seven_bit(kept, body)
    written = [line if line.isascii() else _in_ascii(name, line) for name, line in kept]
    sender = _sender([line for name, line in kept if name == b"from"])
    subject = next((_value(line) for name, line in kept if name == b"subject"), "")
    # trailing empty lines mean nothing, and the signature's canonical form has none
    return Submitted(sender, b"".join(written) + b"\r\n" + body.rstrip(b"\r\n") + b"\r\n", own, subject)


def _header_lines(head: bytes) -> list[bytes]:
    if len(head) > MAX_HEADER_BYTES:
        raise Refused("554 5.6.0", "The header is larger than 256 kB")
    if not head or head[:1] in b" \t":
        raise Refused("554 5.6.0", "The message begins with no header")
    if _CONTROL.search(head):
        raise Refused("554 5.6.0", "The header has a control character in it")
    lines = split_lines(head + b"\r\n")
    for line in lines:
        name, colon, _ = line.partition(b":")
        if not colon or not _is_name(name):
            raise Refused("554 5.6.0", f"This line of the header is none: {line[:60].decode('ascii', 'replace')}")
    return lines


def _check_names(names: Sequence[bytes]) -> None:
    for name in _ONCE:
        if names.count(name) > 1:
            raise Refused("554 5.6.0", f"The header {name.decode().title()} stands there more than once")
    if steering := next((name.decode() for name in names if STEERS_ESP.match(name.decode())), ""):
        raise Refused("554 5.6.0", f"{steering.title()} is an order to a mail service on the way: leave it out")
    if b"from" not in names:
        raise Refused("554 5.6.0", "The message has no From header")
    if names.count(b"received") > MAX_RECEIVED:
        raise Refused("554 5.4.6", "The message has been through too many servers: a mail loop")


def _value(line: bytes) -> str:
    try:
        return " ".join(line.partition(b":")[2].decode().split())
    except UnicodeDecodeError:
        raise Refused("554 5.6.0", "The header has text that is not UTF-8") from None


def _addresses(name: str, value: str) -> AddressHeader:
    """Raises Refused for what the parser does not understand; it fails in many ways."""
    try:
        header = email.policy.SMTPUTF8.header_factory(name, value)
    except (HeaderParseError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise Refused("554 5.6.0", f"The header {name} cannot be read") from error
    assert isinstance(header, AddressHeader)  # noqa: S101 (for mypy: by its name)
    return header


def _sender(lines: Sequence[bytes]) -> Mailbox:
    header = _addresses("From", _value(lines[0]))
    found = header.addresses
    # "a@ours.example <b@theirs.example>": programs on the way would show the other one than we have looked at
    if len(found) != 1 or any(isinstance(one, InvalidHeaderDefect) for one in header.defects):  # type: ignore[attr-defined]
        raise Refused("554 5.6.0", "The From header names one address, not none and not several")
    try:
        return Mailbox(addresses.normalise(found[0].addr_spec), storable(found[0].display_name))
    except addresses.AddressInvalid as error:
        raise Refused("553 5.1.7", f"From: {error}") from error


def _in_ascii(name: bytes, line: bytes) -> bytes:
    """A header with letters beyond ASCII in encoded words; as it is where an address itself has such letters."""
    title, _, _ = line.partition(b":")
    value = _value(line)
    if name not in _ADDRESSES:
        return unstructured(title.decode(), value)
    header = _addresses(title.decode().title(), value)
    if any(not one.addr_spec.isascii() for one in header.addresses):
        return line
    return str(header.fold(policy=email.policy.SMTP)).encode("ascii", "replace")  # type: ignore[attr-defined]


def _seven_bit(named: Sequence[tuple[bytes, bytes]], body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The same message with its 8-bit texts encoded: not every server on the way takes 8BITMIME.

    Parts that are encoded already, attachments among them, stay as they are.
    """
    content_lines = b"".join(line for name, line in named if name.startswith(b"content-") and line.isascii())
    parsed = email.message_from_bytes(content_lines + b"\r\n" + body)
    out = BytesIO()
    try:
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0, policy=_SEVEN_BIT).flatten(parsed)
    except (LookupError, UnicodeError, ValueError) as error:
        raise Refused("554 5.6.1", EIGHT_BIT) from error
    head, _, encoded = out.getvalue().partition(b"\r\n\r\n")
    if not encoded.isascii() or not head.isascii():
        raise Refused("554 5.6.1", EIGHT_BIT)
    rest = [(name, line) for name, line in named if not name.startswith(b"content-")]
    fresh = [(line.partition(b":")[0].lower(), line) for line in split_lines(head + b"\r\n")]
    return [*rest, *fresh], encoded
