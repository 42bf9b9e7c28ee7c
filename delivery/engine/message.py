"""Builds messages by the million: what is the same for everybody is encoded once, what differs is put between.

A template is made once per process and campaign variant. A render joins prepared bytes with a few encoded values; the
result is a whole message in CRLF lines that can be written after DATA as it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Protocol

from delivery.engine import headers
from delivery.engine.dkim import DkimSigner
from delivery.engine.headers import HeaderInvalid, Mailbox
from delivery.engine.mime import Attachment, attachment_part
from delivery.engine.qp import SOFT_BREAK, encode_static, encode_value

__all__ = [
    "Attachment",
    "HeaderInvalid",
    "Mailbox",
    "MessageHead",
    "MessageTemplate",
    "RenderFailed",
    "RenderedMessage",
]

Context = Mapping[str, object]


class Dynamic(Protocol):
    """A part of a template that differs between recipients. The same object may stand in several places."""

    def render(self, context: Context) -> str:
        """The text for one recipient. Whatever it raises fails this one message."""
        ...


Part = str | Dynamic


class RenderFailed(Exception):
    """One message cannot be built: record it as failed with this text; other recipients may be fine.

    part: "subject", "html", "text", "to" or "headers"; the text names the place in it.
    """

    def __init__(self, part: str, reason: str) -> None:
        self.part = part
        self.reason = reason
        super().__init__(f"{part}: {reason}")


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What is different in the header of every message.

    message_id: "local@domain", unique for each recipient. date: with a time zone.
    headers: further lines such as List-Unsubscribe, as (name, value).
    """

    to_address: str
    to_name: str
    message_id: str
    date: datetime
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """data: the whole message in CRLF lines, no line beginning with a dot, without the final "." of SMTP."""

    data: bytes


class MessageTemplate:
    """One campaign variant, ready to be rendered for each recipient."""

    def __init__(
        self,
        subject_parts: Sequence[Part],
        html_parts: Sequence[Part],
        text_parts: Sequence[Part],
        sender: Mailbox,
        static_headers: Sequence[tuple[str, str]],
        attachments: Sequence[Attachment] = (),
        signer: DkimSigner | None = None,
    ) -> None:
        """Encode everything that does not depend on the recipient.

        subject_parts, html_parts, text_parts: static text and `Dynamic` nodes.
        static_headers: (name, value) pairs; the builder's own headers are not allowed among them.
        signer: signs every message that is rendered.
        Raises HeaderInvalid.
        """
        # as they came: an ESP's API takes parts, not a message
        self.subject_parts, self.html_parts, self.text_parts = subject_parts, html_parts, text_parts
        self.sender, self.static_headers, self.attachments = sender, static_headers, attachments
        self._subject = _subject(subject_parts)
        self._top = b"".join(
            [
                headers.mailbox("From", sender),
                *(_static_header(name, value) for name, value in static_headers),
            ]
        )
        body = _Body(secrets.token_hex(12))
        body.add_alternatives(text_parts, html_parts, attachments)
        self._pool = body.pool
        self._part_names = tuple(name for name, _ in body.nodes)
        self._nodes = tuple(node for _, node in body.nodes)
        self._order: Callable[[list[bytes]], tuple[bytes, ...]] = itemgetter(*body.order)
        self._signer = signer.for_template(self._top, self._pool[0]) if signer else None
        # bytes of one message but for its values: what a sender needs to bound its memory
        self.static_size = len(self._top) + sum(len(self._pool[i]) for i in body.order if i < len(self._pool))

    def render(self, context: Context, head: MessageHead) -> RenderedMessage:
        """The message for one recipient. Raises RenderFailed with the part and place."""
        lines = self._lines(context, head)
        pool = self._pool.copy()
        try:
            for node in self._nodes:
                pool.append(encode_value(node.render(context)))
        except Exception as error:  # a node may raise anything: it runs a user's template on a lead's data
            raise RenderFailed(self._part_names[len(pool) - len(self._pool)], str(error)) from error
        rest = b"".join(self._order(pool))
        signature = self._signer.sign(lines, rest, int(head.date.timestamp())) if self._signer else b""
        return RenderedMessage(b"".join([signature, self._top, *lines, rest]))

    def _lines(self, context: Context, head: MessageHead) -> list[bytes]:
        """The header lines that differ between messages."""
        try:
            subject = self._subject(context)
        except Exception as error:  # as above
            raise RenderFailed("subject", str(error)) from error
        try:
            return [
                headers.mailbox("To", Mailbox(head.to_address, head.to_name)),
                subject,
                headers.date(head.date),
                headers.message_id(head.message_id),
                *[headers.checked(name, value) for name, value in head.headers],
            ]
        except HeaderInvalid as error:
            raise RenderFailed("headers", str(error)) from error


class _Body:
    """Collects the bytes of the body: `pool` holds what is static, and `order` says how to join it with the values.

    The values of `nodes` follow the static pieces in the pool. A node that stands in several places of a part is
    rendered once.
    """

    def __init__(self, boundary: str) -> None:
        # "=_" cannot occur in quoted-printable, nor "_" in base64: no content can close the part.
        self.inner = f"=_a_{boundary}"
        self.outer = f"=_m_{boundary}"
        self.pool: list[bytes] = []
        self.nodes: list[tuple[str, Dynamic]] = []
        self.order: list[int] = []
        self._static: list[bytes] = []
        self._sequence: list[bytes | int] = []

    def add_alternatives(self, text: Sequence[Part], html: Sequence[Part], attachments: Sequence[Attachment]) -> None:
        self._add("MIME-Version: 1.0\r\n")
        if attachments:
            self._add(f'Content-Type: multipart/mixed; boundary="{self.outer}"\r\n\r\n--{self.outer}\r\n')
        self._add(f'Content-Type: multipart/alternative; boundary="{self.inner}"\r\n')
        self._add_part("text", "text/plain", text)
        self._add_part("html", "text/html", html)
        self._add(f"\r\n--{self.inner}--\r\n")
        for attachment in attachments:
            self._add(f"\r\n--{self.outer}\r\n")
            self._sequence.append(attachment_part(attachment))
        if attachments:
            self._add(f"\r\n--{self.outer}--\r\n")
        self._finish()

    def _add(self, line: str) -> None:
        self._sequence.append(line.encode("ascii"))

    def _add_part(self, name: str, content_type: str, parts: Sequence[Part]) -> None:
        self._add(
            f'\r\n--{self.inner}\r\nContent-Type: {content_type}; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        numbers: dict[int, int] = {}
        for part in _ended(parts):
            if isinstance(part, str):
                self._sequence.append(encode_static(part))
                continue
            if id(part) not in numbers:
                numbers[id(part)] = len(self.nodes)
                self.nodes.append((name, part))
            self._sequence += [numbers[id(part)], SOFT_BREAK]

    def _finish(self) -> None:
        """Join neighbouring static pieces, and number the pool: static pieces first, then the values."""
        slots: list[int] = []
        gathered: list[bytes] = []
        for piece in [*self._sequence, b""]:
            if isinstance(piece, bytes):
                gathered.append(piece)
                continue
            self._flush(gathered, slots)
            slots.append(-1 - piece)
        self._flush(gathered, slots)
        self.order = [slot if slot >= 0 else len(self.pool) + (-1 - slot) for slot in slots]
        if len(self.order) == 1:  # itemgetter of one index would not return a tuple
            self.pool.append(b"")
            self.order.append(len(self.pool) - 1)

    def _flush(self, gathered: list[bytes], slots: list[int]) -> None:
        slots.append(len(self.pool))
        self.pool.append(b"".join(gathered))
        gathered.clear()


def _ended(parts: Sequence[Part]) -> list[Part]:
    """`parts` with a line break at the very end: white space at the end of a part would be lost on the way."""
    ended = list(parts)
    if not ended or not isinstance(ended[-1], str):
        ended.append("\n")
    elif not ended[-1].endswith(("\n", "\r")):
        ended[-1] += "\n"
    return ended


def _subject(parts: Sequence[Part]) -> Callable[[Context], bytes]:
    if all(isinstance(part, str) for part in parts):
        line = headers.unstructured("Subject", "".join(part for part in parts if isinstance(part, str)))
        return lambda _: line

    def render(context: Context) -> bytes:
        text = "".join([part if isinstance(part, str) else part.render(context) for part in parts])
        return headers.unstructured("Subject", text)

    return render


def _static_header(name: str, value: str) -> bytes:
    """Reply-To takes an address; other headers are checked by name."""
    if name.lower() == "reply-to":
        return headers.mailbox("Reply-To", Mailbox(value))
    return headers.checked(name, value)
