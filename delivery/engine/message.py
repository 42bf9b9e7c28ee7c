"""Builds messages by the million: what is the same for everybody is encoded once, what differs is put between.

A template is made once per process and campaign variant. A render joins prepared bytes with a few encoded values; the
result is a whole message in CRLF lines that can be written after DATA as it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from delivery.engine import headers
from delivery.engine.dkim import DkimSigner, Draft, TemplateSigner, seal
from delivery.engine.headers import HeaderInvalid, Mailbox
from delivery.engine.mime import Attachment, attachment_part
from delivery.engine.qp import SOFT_BREAK, encode_static, encode_value, is_plain_value

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

LARGE_BYTES = 4096
"""A static piece of this size is handed on as it is: copying it into every message would cost more than a buffer."""
_MISSING = (KeyError, TypeError, IndexError)


class Dynamic(Protocol):
    """A part of a template that differs between recipients. The same object may stand in several places.

    A node that writes one value of the context, at most escaped for HTML, may say which in an attribute `path`: the
    keys that lead to it. Values that are plain in every part are then looked up and encoded once for all of them.
    """

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


class MessageHead(NamedTuple):
    """What is different in the header of every message.

    message_id: "local@domain", unique for each recipient. date: with a time zone.
    headers: further lines such as List-Unsubscribe, as (name, value).
    """

    to_address: str
    to_name: str
    message_id: str
    date: datetime
    headers: Sequence[tuple[str, str]] = ()


class RenderedMessage:
    """The whole message in CRLF lines, no line beginning with a dot, without the final "." of SMTP.

    pieces: the message in order; all but the first are ASCII, and large ones are shared between messages.
    drafts: signatures that are still to be made and to be put before it.
    """

    __slots__ = ("drafts", "pieces")

    def __init__(self, pieces: tuple[bytes, ...], drafts: tuple[Draft, ...] = ()) -> None:
        self.pieces, self.drafts = pieces, drafts

    @property
    def data(self) -> bytes:
        """All of it in one piece."""
        return b"".join(self.pieces)


class Layout(NamedTuple):
    """How a template puts a message together: top, lines of its own, then the pieces of `order`.

    static: pieces 0 and on. nodes: those that follow them, each with the name of its part.
    """

    top: bytes
    static: tuple[bytes, ...]
    nodes: tuple[tuple[str, Dynamic], ...]
    order: tuple[int, ...]
    signer: TemplateSigner | None


class MessageTemplate:
    """One campaign variant, ready to be rendered for each recipient.

    is_stuffed: lines that begin with a dot have a second one, as after DATA; here none does.
    """

    is_stuffed = False

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
        signer: of every message that is rendered.
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
        # what a message consists of by number; the values' places are empty until it is rendered
        self._pool = [*body.pool, *[b""] * len(body.nodes)]
        self._values = _Values(body.nodes, len(body.pool))
        self._runs = cut_runs(body.order, body.pool)
        self._all = picker(body.order)
        self._signer = signer.for_template(self._top, self._pool[0]) if signer else None
        self.layout = Layout(self._top, tuple(body.pool), tuple(body.nodes), tuple(body.order), self._signer)
        # bytes of one message but for its values: what a sender needs to bound its memory
        self.static_size = len(self._top) + sum(len(self._pool[i]) for i in body.order if i < len(body.pool))

    @property
    def is_signed(self) -> bool:
        """True where every message gets a signature, which costs more than all the rest of it."""
        return self._signer is not None

    def render(self, context: Context, head: MessageHead) -> RenderedMessage:
        """The message for one recipient, signed. Raises RenderFailed with the part and place."""
        message = self.compose(context, head)
        if not message.drafts:
            return message
        (signature,) = seal([message.drafts])
        first, *more = message.pieces
        return RenderedMessage((signature + first, *more))

    def compose(self, context: Context, head: MessageHead) -> RenderedMessage:
        """The message for one recipient, and what is to be signed of it. Raises as `render`."""
        lines = self._lines(context, head)
        pool = self._pool.copy()
        self._values.fill(pool, context)
        if not self._signer and len(self._runs) == 1:
            return RenderedMessage((b"".join([self._top, *lines, *self._all(pool)]),))
        pieces = [run if isinstance(run, bytes) else b"".join(run(pool)) for run in self._runs]
        drafts = self._signer.draft(lines, pieces, int(head.date.timestamp())) if self._signer else ()
        return RenderedMessage((b"".join([self._top, *lines]), *pieces), drafts)

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


class _Values:
    """The nodes of a template and the places of their values in the pool, those with the same path together."""

    def __init__(self, nodes: Sequence[tuple[str, Dynamic]], first_place: int) -> None:
        self._nodes = {first_place + number: named for number, named in enumerate(nodes)}
        places: dict[tuple[str, ...], list[int]] = {}
        for place, (_, node) in self._nodes.items():
            places.setdefault(getattr(node, "path", ()), []).append(place)
        self._others = tuple(places.pop((), ()))
        groups: dict[tuple[str, ...], list[tuple[str, tuple[int, ...]]]] = {}
        for path, found in places.items():
            groups.setdefault(path[:-1], []).append((path[-1], tuple(found)))
        self._groups = tuple((parents, tuple(fields)) for parents, fields in groups.items())

    def fill(self, pool: list[bytes], context: Context) -> None:
        """Put the encoded values of one recipient in their places. Raises RenderFailed."""
        for parents, fields in self._groups:
            source = _descend(context, parents)
            for key, places in fields:
                try:
                    value = source[key]
                except _MISSING:
                    value = None
                if type(value) is str and is_plain_value(value):
                    encoded = value.encode("ascii")
                    for place in places:
                        pool[place] = encoded
                else:
                    self._fill_slowly(pool, context, places)
        if self._others:
            self._fill_slowly(pool, context, self._others)

    def _fill_slowly(self, pool: list[bytes], context: Context, places: tuple[int, ...]) -> None:
        for place in places:
            part, node = self._nodes[place]
            try:
                pool[place] = encode_value(node.render(context))
            except Exception as error:  # a node may raise anything: it runs a user's template on a lead's data
                raise RenderFailed(part, str(error)) from error


def _descend(context: Context, path: tuple[str, ...]) -> Any:
    """What stands at that path; empty where nothing does."""
    value: Any = context
    try:
        for key in path:
            value = value[key]
    except _MISSING:
        return {}
    return value


Run = bytes | Callable[[Any], tuple[bytes, ...]]


def picker(numbers: Sequence[int]) -> Callable[[Any], tuple[bytes, ...]]:
    """A getter of these places, one at least. Of one number it would not give a tuple: of a slice it does."""
    return itemgetter(*numbers) if len(numbers) > 1 else itemgetter(slice(numbers[0], numbers[0] + 1))


def cut_runs(order: Sequence[int], static: Sequence[bytes]) -> tuple[Run, ...]:
    """The message cut at its large static pieces: those as they are, and getters of what is joined between them."""
    runs: list[Run] = []
    gathered: list[int] = []
    for number in [*order, -1]:
        is_large = 0 <= number < len(static) and len(static[number]) >= LARGE_BYTES
        if not is_large and number >= 0:
            gathered.append(number)
            continue
        if gathered:
            runs.append(picker(gathered))
        gathered = []
        if is_large:
            runs.append(static[number])
    return tuple(runs)


class _Body:
    """Collects the bytes of the body: `pool` holds what is static, and `order` says how to join it with the values.

    The values of `nodes` follow the static pieces in the pool. A node that stands in several places of a part is
    rendered once.
    """

    def __init__(self, boundary: str) -> None:
        # "=_" cannot occur in quoted-printable, nor "_" in base64: no content can close the part.
        self.inner = f"=_a_{boundary}"
        self.related = f"=_r_{boundary}"
        self.outer = f"=_m_{boundary}"
        self.pool: list[bytes] = []
        self.nodes: list[tuple[str, Dynamic]] = []
        self.order: list[int] = []
        self._static: list[bytes] = []
        self._sequence: list[bytes | int] = []

    def add_alternatives(self, text: Sequence[Part], html: Sequence[Part], attachments: Sequence[Attachment]) -> None:
        inline = [one for one in attachments if one.content_id]
        apart = [one for one in attachments if not one.content_id]
        self._add("MIME-Version: 1.0\r\n")
        if apart:
            self._open("mixed", self.outer)
        if inline:
            self._open("related", self.related, '; type="multipart/alternative"')
        self._add(f'Content-Type: multipart/alternative; boundary="{self.inner}"\r\n')
        self._add_part("text", "text/plain", text)
        self._add_part("html", "text/html", html)
        self._add(f"\r\n--{self.inner}--\r\n")
        self._close(self.related, inline)
        self._close(self.outer, apart)
        self._finish()

    def _open(self, kind: str, boundary: str, more: str = "") -> None:
        self._add(f'Content-Type: multipart/{kind}{more};\r\n boundary="{boundary}"\r\n\r\n--{boundary}\r\n')

    def _close(self, boundary: str, attachments: Sequence[Attachment]) -> None:
        for attachment in attachments:
            self._add(f"\r\n--{boundary}\r\n")
            self._sequence.append(attachment_part(attachment))
        if attachments:
            self._add(f"\r\n--{boundary}--\r\n")

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
