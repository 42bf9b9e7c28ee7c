"""Header lines of a message: encoded, folded, and closed to injection.

Names come from code, values from users: a value loses its line breaks and NULs before it is anything else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

LINE_LENGTH = 76
"""RFC 5322 asks for 78; RFC 2047 for 76 in lines with encoded words."""
MAX_LINE_LENGTH = 998

_is_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,75}").fullmatch
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_is_plain = re.compile(r"[ -~]*").fullmatch
_is_phrase = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*").fullmatch
_is_address = re.compile(
    r"""[^\s@<>()\[\],;:\\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\],;:\\"\x00-\x1f\x7f]{1,255}"""
).fullmatch
_is_message_id = re.compile(r"[^\s<>@\x00-\x1f\x7f-\uffff]+@[^\s<>@\x00-\x1f\x7f-\uffff]+").fullmatch
_URI = re.compile(r"<[^<>\s]+>")
# What most messages have, recognised at once; a property test holds the quick road against the careful one.
_is_common_text = re.compile(r"[!-<>-~](?:[ -<>-~]*[!-<>-~])?").fullmatch
_ADDRESS = "[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,255}"
_OWNER = f"[A-Za-z0-9]+(?:[ '-][A-Za-z0-9]+)* <{_ADDRESS}>"
_is_common_owner = re.compile(_OWNER).fullmatch
_are_common_owners = re.compile(rf"(?:To: (?:{_OWNER}|{_ADDRESS})\r\n)*").fullmatch
_is_common_unsubscribe = re.compile(r"<https?://[!-+\--;=?-~]{1,400}>(?:, <mailto:[!-+\--;=?-~]{1,400}>)?").fullmatch

# RFC 2047 words are only for free text and names. These are read by machines, as they stand.
STRUCTURED = frozenset(
    name.lower()
    for name in (
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "List-Id",
        "List-Help",
        "Feedback-ID",
        "CFBL-Address",
        "CFBL-Feedback-ID",
        "Auto-Submitted",
        "References",
        "In-Reply-To",
        # an ESP behind a relay reads these, and takes them off
        "X-SMTPAPI",
        "X-Mailgun-Variables",
        "X-PM-Metadata-token",
        "X-Mailin-custom",
        "X-MJ-EventPayload",
        "X-MSYS-API",
        "X-MC-Metadata",
    )
)
# Written by the builder itself, or meaningless or harmful in a message that leaves here.
RESERVED = frozenset(
    name.lower()
    for name in (
        "From",
        "To",
        "Cc",
        "Bcc",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Content-Disposition",
        "Return-Path",
        "Received",
        "DKIM-Signature",
        "Precedence",
    )
)


class HeaderInvalid(ValueError):
    """A header cannot be written; the message says which and why. Show it to whoever set the value."""


class Mailbox(NamedTuple):
    """An address with the name of its owner, which may be empty."""

    address: str
    name: str = ""


def clean(value: str) -> str:
    """`value` on one line: runs of control characters and line breaks become one space."""
    return flat(value).strip()


def flat(value: str) -> str:
    """As `clean`, white space at its ends kept: a value that stands between other text."""
    return value if _is_plain(value) else _CONTROLS.sub(" ", value)


def unstructured(name: str, value: str) -> bytes:
    """A header of free text, such as Subject: plain where it can be, else in encoded words, folded.

    Returns the line or lines with their CRLF.
    """
    if len(name) + 2 + len(value) <= LINE_LENGTH and _is_common_text(value):
        return f"{name}: {value}\r\n".encode("ascii")
    return _unstructured(name, clean(value))


def _unstructured(name: str, value: str) -> bytes:
    room = LINE_LENGTH - len(name) - 2
    if len(value) <= room and _is_plain(value) and "=?" not in value:
        return f"{name}: {value}\r\n".encode("ascii")
    if _is_plain(value) and "=?" not in value:
        lines = _fold_words(value, room)
        if lines:
            return f"{name}: {lines}\r\n".encode("ascii")
    return f"{name}: {encoded_words(value, room)}\r\n".encode("ascii")


def mailbox(name: str, owner: Mailbox) -> bytes:
    """A header with one address: From, To, Reply-To. Raises HeaderInvalid when the address is not one."""
    line = f"{name}: {owner.name} <{owner.address}>\r\n"
    if len(line) <= LINE_LENGTH + 2 and _is_common_owner(line, len(name) + 2, len(line) - 2):
        return line.encode("ascii")
    return _mailbox(name, owner)


def recipients(owners: Sequence[tuple[str, str]]) -> list[bytes] | None:
    """A To header for each (name, address), as `mailbox` makes them; None unless all of them are common ones."""
    lines = [f"To: {name} <{address}>\r\n" if name else f"To: {address}\r\n" for name, address in owners]
    text = "".join(lines)
    # a value with line breaks of its own could look like two lines
    if text.count("\n") != len(lines) or max(map(len, lines), default=0) > LINE_LENGTH + 2:
        return None
    return text.encode("ascii").splitlines(keepends=True) if _are_common_owners(text) else None


def _mailbox(name: str, owner: Mailbox) -> bytes:
    address = f"<{_address(name, owner.address)}>"
    words = clean(owner.name)
    if not words:
        return f"{name}: {address[1:-1]}\r\n".encode()
    room = LINE_LENGTH - len(name) - 2
    if not _is_plain(words) or "=?" in words:
        phrase = encoded_words(words, room)
    elif _is_phrase(words):
        phrase = words
    else:
        phrase = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if len(phrase) > room and "\r\n" not in phrase:
        phrase = encoded_words(words, room)
    last_line = phrase.rpartition("\r\n")[2]
    used = len(last_line) + (len(name) + 2 if last_line is phrase else 0)
    gap = " " if used + 1 + len(address) <= LINE_LENGTH else "\r\n "
    return f"{name}: {phrase}{gap}{address}\r\n".encode()


def structured(name: str, value: str) -> bytes:
    """A header that machines read: never in encoded words, folded only between its comma-separated parts.

    Raises HeaderInvalid for what is not printable ASCII, or too long for a line.
    """
    if not _is_plain(value):
        raise HeaderInvalid(f"{name}: only printable ASCII characters are allowed")
    if name.lower() == "list-unsubscribe":
        _check_unsubscribe(value)
    value = value.strip()
    if len(name) + 2 + len(value) > LINE_LENGTH:
        value = ",\r\n ".join(part.strip() for part in value.split(",")) if "<" in value else value
    if any(len(line) > MAX_LINE_LENGTH for line in f"{name}: {value}".split("\r\n")):
        raise HeaderInvalid(f"{name}: longer than {MAX_LINE_LENGTH} characters")
    return f"{name}: {value}\r\n".encode("ascii")


def checked(name: str, value: str) -> bytes:
    """A header that the builder does not write itself. Raises HeaderInvalid for a name or value that is not allowed."""
    if name == "List-Unsubscribe" and _is_common_unsubscribe(value):
        folded = value if len(name) + 2 + len(value) <= LINE_LENGTH else value.replace(", ", ",\r\n ")
        return f"List-Unsubscribe: {folded}\r\n".encode("ascii")
    return _checked(name, value)


def _checked(name: str, value: str) -> bytes:
    kind = _kind(name)
    return structured(name, value) if kind == "structured" else unstructured(name, _one_line(name, value))


def message_id(value: str) -> bytes:
    """The Message-ID header from "local@domain", with or without angle brackets. Raises HeaderInvalid."""
    bare = value
    if not _is_message_id(value):
        bare = value.strip().removeprefix("<").removesuffix(">")
        if not _is_message_id(bare):
            raise HeaderInvalid(f"Message-ID: {value!r} is not of the form local@domain")
    return f"Message-ID: <{bare}>\r\n".encode("ascii")


def date(moment: datetime) -> bytes:
    """The Date header, in UTC. Raises HeaderInvalid when `moment` has no time zone."""
    if moment.tzinfo is None:
        raise HeaderInvalid("Date: a time zone is missing")
    return _date(int(moment.timestamp()))


def list_unsubscribe(https_url: str, mailto: str = "") -> str:
    """The value of List-Unsubscribe: one https address, and an address for mail where there is one (RFC 8058)."""
    return f"<{https_url}>, <mailto:{mailto.removeprefix('mailto:')}>" if mailto else f"<{https_url}>"


def encoded_words(value: str, first_room: int) -> str:
    """`value` in RFC 2047 words of base64, folded so that the first line has `first_room` characters and others 76.

    Characters are never divided between words.
    """
    whole = value.encode("utf-8", "replace")
    if _word_length(len(whole)) <= min(first_room, 75):
        return _word(whole)
    words, room, chunk = [], first_room, b""
    for character in value:
        encoded = character.encode("utf-8", "replace")
        if chunk and _word_length(len(chunk) + len(encoded)) > min(room, 75):
            words.append(_word(chunk))
            chunk, room = b"", LINE_LENGTH - 1
        chunk += encoded
    words.append(_word(chunk))
    return "\r\n ".join(words)


def _word_length(size_bytes: int) -> int:
    return 12 + 4 * -(-size_bytes // 3)


def _word(chunk: bytes) -> str:
    return f"=?utf-8?B?{base64.b64encode(chunk).decode()}?="


def _fold_words(value: str, first_room: int) -> str:
    """`value` folded at single spaces; empty when a word is too long for a line or spaces would be lost."""
    lines: list[str] = []
    line, room = "", first_room
    for word in value.split(" "):
        if not word or len(word) > LINE_LENGTH - 1:
            return ""
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, LINE_LENGTH - 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def _address(name: str, address: str) -> str:
    """Addresses with letters beyond ASCII stay as they are in the local part (SMTPUTF8); domains become ASCII."""
    if not _is_address(address):
        raise HeaderInvalid(f"{name}: {address!r} is not an e-mail address")
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError as error:
        raise HeaderInvalid(f"{name}: {address!r} has a domain that cannot be written in ASCII") from error


@lru_cache(maxsize=256)
def _kind(name: str) -> str:
    """How a header of this name is written. Raises HeaderInvalid for names that are not allowed."""
    if not _is_name(name):
        raise HeaderInvalid(f"{name!r} is not a header name: letters, digits and hyphens make one")
    if name.lower() in RESERVED:
        raise HeaderInvalid(f"{name}: this header is written by the system itself")
    return "structured" if name.lower() in STRUCTURED else "unstructured"


def _one_line(name: str, value: str) -> str:
    if _CONTROLS.search(value):
        raise HeaderInvalid(f"{name}: line breaks and control characters are not allowed")
    return value


def _check_unsubscribe(value: str) -> None:
    uris = _URI.findall(value)
    web = [uri for uri in uris if not uri.startswith("<mailto:")]
    # plain http is what a trial on this machine has; doctor says that receivers want https
    if len(web) != 1 or not web[0].startswith(("<https://", "<http://")) or len(uris) > 2:
        raise HeaderInvalid("List-Unsubscribe: exactly one web address and at most one mailto are allowed")


@lru_cache(maxsize=4)
def _date(timestamp_seconds: int) -> bytes:
    return f"Date: {format_datetime(datetime.fromtimestamp(timestamp_seconds, UTC))}\r\n".encode("ascii")
