"""Attachments: the same for every recipient, so encoded once."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote

from delivery.engine.headers import HeaderInvalid

_is_content_type = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}").fullmatch
_is_content_id = re.compile(r"[A-Za-z0-9._+-]{1,100}(?:@[A-Za-z0-9.-]{1,100})?").fullmatch
_is_simple_name = re.compile(r"[A-Za-z0-9 ._()+-]{1,60}").fullmatch
_LINE_BYTES = 57  # 76 characters of base64


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with every message. content_type: such as "application/pdf"; never multipart or message.

    content_id: of an image that the HTML part shows by "cid:…"; "" for an attachment.
    """

    filename: str
    content_type: str
    data: bytes
    content_id: str = ""


def attachment_part(attachment: Attachment) -> bytes:
    """The MIME part of one attachment, in CRLF lines.

    Raises HeaderInvalid for a content type or content id that is not allowed.
    """
    if not _is_content_type(attachment.content_type) or attachment.content_type.startswith(("multipart/", "message/")):
        raise HeaderInvalid(f"attachment {attachment.filename!r}: {attachment.content_type!r} is not allowed")
    if attachment.content_id and not _is_content_id(attachment.content_id):
        raise HeaderInvalid(f"attachment {attachment.filename!r}: {attachment.content_id!r} is not a content id")
    lines = [
        f"Content-Type: {attachment.content_type}",
        "Content-Transfer-Encoding: base64",
        *([f"Content-ID: <{attachment.content_id}>"] if attachment.content_id else []),
        f"Content-Disposition: {'inline' if attachment.content_id else 'attachment'};"
        f"\r\n {_filename(attachment.filename)}",
        "",
    ]
    data = attachment.data
    lines += [
        base64.b64encode(data[start : start + _LINE_BYTES]).decode() for start in range(0, len(data), _LINE_BYTES)
    ]
    return "\r\n".join(lines).encode("ascii")


def _filename(name: str) -> str:
    """RFC 2231 for names beyond ASCII, in continuations that fit a line."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]+", "_", name) or "attachment"
    if _is_simple_name(name):
        return f'filename="{name}"'
    encoded = quote(name, safe="")
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,20}", f"{encoded}")
    return ";\r\n ".join(
        f"filename*{number}*={'utf-8' + chr(39) * 2 if not number else ''}{piece}"
        for number, piece in enumerate(pieces)
    )
