"""Messages that came whole, over SMTP: they leave as they were written, signed by us, with our return path."""

from __future__ import annotations

import email
import email.policy
import zlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from functools import cached_property
from typing import Any, cast

from delivery.domain_keys import signer_of
from delivery.domains import Known
from delivery.engine.dkim import Draft, split_lines
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate, Part, RenderedMessage
from delivery.engine.mime import Attachment

_OWN = frozenset((b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"reply-to"))
_BY_SMTP_ONLY = frozenset(("multipart/signed", "multipart/encrypted", "application/pkcs7-mime"))


def pack(message: bytes) -> bytes:
    """A whole message as it is stored. message: CRLF lines of ASCII but for header values, not dot-stuffed."""
    return zlib.compress(message, 1)


class _Unsendable:
    """A part that an ESP's API has no place for."""

    def render(self, _context: Mapping[str, object]) -> str:
        raise ValueError("a signed or encrypted message leaves by SMTP only, and this provider is an ESP")


class RawTemplate(MessageTemplate):
    """A message that is the same for all its recipients. Where an ESP sends it, it is taken apart."""

    is_stuffed = True

    def __init__(self, message: bytes, sender: Mailbox, domain: Known | None) -> None:
        """message: as `pack` takes it. Raises SigningImpossible."""
        head, _, body = message.partition(b"\r\n\r\n")
        lines = split_lines(head + b"\r\n")
        versions = [line for line in lines if line[:13].lower() == b"mime-version:"]
        self.sender = sender
        self._message = message
        self._lines_given = [line for line in lines if line not in versions]
        self._opening = (versions[0] if versions else b"MIME-Version: 1.0\r\n") + b"\r\n"
        self._body = body
        # a line that begins with a dot would end the message on the wire; the signature is over the line as it is
        self._wire_body = body.replace(b"\r\n.", b"\r\n..")
        if body.startswith(b"."):
            self._wire_body = b"." + self._wire_body
        signer = signer_of(domain)
        self._signer = signer.for_template(b"", self._opening) if signer else None
        self.static_size = len(message)

    @classmethod
    def of(cls, packed: bytes, sender: Mailbox, domain: Known | None) -> RawTemplate:
        """The template of a stored message. Raises SigningImpossible, ValueError."""
        try:
            return cls(zlib.decompress(packed), sender, domain)
        except zlib.error as error:
            raise ValueError(f"not a stored message: {error}") from error

    def compose(self, _context: Mapping[str, object], head: MessageHead) -> RenderedMessage:
        """The message as it came. What a sender may leave out is added: its date, its Message-ID."""
        lines = [*self._lines_given]
        names = {line.partition(b":")[0].strip().lower() for line in lines}
        if b"date" not in names:
            lines.append(b"Date: " + head.date.strftime("%a, %d %b %Y %H:%M:%S +0000").encode() + b"\r\n")
        if b"message-id" not in names:
            lines.append(f"Message-ID: <{head.message_id}>\r\n".encode())
        drafts: tuple[Draft, ...] = ()
        if self._signer:
            drafts = self._signer.draft(lines, [self._opening + self._body], int(head.date.timestamp()))
        return RenderedMessage((b"".join([*lines, self._opening]), self._wire_body), drafts)

    # --- its parts, for an ESP

    @cached_property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self._message, policy=email.policy.default)

    def _text(self, kind: str) -> Sequence[Part]:
        if any(part.get_content_type() in _BY_SMTP_ONLY for part in self.parsed.walk()):
            return (_Unsendable(),)
        found = self.parsed.get_body((kind,))
        return (cast(str, found.get_content()),) if found is not None else ()

    @cached_property
    def subject_parts(self) -> Sequence[Part]:  # type: ignore[override]
        return (str(self.parsed["Subject"] or ""),)

    @cached_property
    def html_parts(self) -> Sequence[Part]:  # type: ignore[override]
        return self._text("html")

    @cached_property
    def text_parts(self) -> Sequence[Part]:  # type: ignore[override]
        return self._text("plain")

    @cached_property
    def static_headers(self) -> Sequence[tuple[str, str]]:  # type: ignore[override]
        """All that an ESP would not write itself."""
        own = {name.decode() for name in _OWN - {b"reply-to"}}
        return [
            (name, str(value))
            for name, value in self.parsed.items()
            if name.lower() not in own and not name.lower().startswith("content-")
        ]

    @cached_property
    def attachments(self) -> Sequence[Attachment]:  # type: ignore[override]
        bodies = [self.parsed.get_body((kind,)) for kind in ("html", "plain")]
        leaves = [part for part in self.parsed.walk() if not part.is_multipart() and not any(part is b for b in bodies)]
        return [_attachment(part) for part in leaves]


def _attachment(part: EmailMessage) -> Attachment:
    content: Any = part.get_payload(decode=True) or b""
    content_id = str(part["Content-ID"] or "").strip().strip("<>") if part.get_content_maintype() == "image" else ""
    return Attachment(part.get_filename() or "attachment", part.get_content_type(), content, content_id)
