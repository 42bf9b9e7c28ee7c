"""Letters as the parts that ESPs take: a whole text for one, or one text with placeholders and values for many."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.encoders import encode_base64
from email.mime.base import MIMEBase
from email.utils import getaddresses
from typing import Any

from django.core.mail import EmailMultiAlternatives

from delivery.engine.headers import HeaderInvalid, Mailbox, checked, flat, mailbox
from delivery.engine.message import Attachment, Dynamic, MessageTemplate, Part, RenderFailed
from delivery.letters import AnyLetter

# under this name the letter's token comes back with every event of the ESP
TOKEN = "token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Content:
    """Rendered parts, or parts with placeholders."""

    subject: str
    html: str
    text: str

    @property
    def size_bytes(self) -> int:
        """What they take in UTF-8."""
        return sum(len(part.encode()) for part in (self.subject, self.html, self.text))


def render(letter: AnyLetter) -> Content:
    """All of one letter. Raises RenderFailed with the part and place."""
    template, values = letter.template, _Values(letter.context)
    return Content(
        flat("".join(values.of("subject", part) for part in template.subject_parts)).strip(),
        "".join(values.of("html", part) for part in template.html_parts),
        "".join(values.of("text", part) for part in template.text_parts),
    )


class _Values:
    """The nodes' texts for one recipient; a node that stands in several places is rendered once."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self._known: dict[int, str] = {}

    def of(self, name: str, part: Part) -> str:
        if isinstance(part, str):
            return part
        if id(part) not in self._known:
            self._known[id(part)] = _run(name, part, self._context)
        return self._known[id(part)]


def _run(name: str, node: Dynamic, context: Mapping[str, Any]) -> str:
    try:
        return node.render(context)
    except Exception as error:  # a node may raise anything: it runs a user's template on a lead's data
        raise RenderFailed(name, str(error)) from error


class MergeText:
    """One template's text with a placeholder for each node, made once; `values` fills them for one recipient.

    The names are random: no lead's data can hold one, even where an ESP looks for placeholders in what it filled in.
    """

    def __init__(self, template: MessageTemplate, tag: Callable[[str], str]) -> None:
        """tag: the ESP's placeholder for a name."""
        self.prefix = secrets.token_hex(6)
        self._tag = tag
        self._nodes: dict[int, tuple[str, str, Dynamic]] = {}
        self.content = Content(
            flat(self._write("subject", template.subject_parts)).strip(),
            self._write("html", template.html_parts),
            self._write("text", template.text_parts),
        )

    def _write(self, name: str, parts: Sequence[Part]) -> str:
        return "".join(part if isinstance(part, str) else self._tag(self._name(name, part)) for part in parts)

    def _name(self, part_name: str, node: Dynamic) -> str:
        if id(node) not in self._nodes:
            self._nodes[id(node)] = (f"{self.prefix}x{len(self._nodes)}", part_name, node)
        return self._nodes[id(node)][0]

    def values(self, context: Mapping[str, Any]) -> dict[str, str]:
        """Name to text for one recipient. Raises RenderFailed with the part and place."""
        return {
            name: flat(text) if part == "subject" else text
            for name, part, node in self._nodes.values()
            for text in (_run(part, node, context),)
        }


def check(letter: AnyLetter) -> None:
    """Raises RenderFailed for an address or a header of this letter that is not allowed."""
    try:
        mailbox("To", Mailbox(letter.head.to_address))
    except HeaderInvalid as error:
        raise RenderFailed("to", str(error)) from error
    try:
        for name, value in letter.head.headers:
            checked(name, value)
    except HeaderInvalid as error:
        raise RenderFailed("headers", str(error)) from error


def whole_message(letter: AnyLetter, content: Content, without: Collection[str]) -> EmailMultiAlternatives:
    """A message to one recipient; the letter was found well by `check`. without: see EspKind.own_headers."""
    message = _message(letter.template, content, without)
    message.to = [_recipient(letter)]
    message.extra_headers |= _kept(letter.head.headers, without)
    if letter.token:
        message.metadata = {TOKEN: letter.token}
    return message


def merged_message(
    text: MergeText, letters: Sequence[AnyLetter], values: Sequence[Mapping[str, str]], without: Collection[str]
) -> EmailMultiAlternatives:
    """One message to many, each with values, headers and metadata of its own. The addresses must be different.

    Its merge attributes are what makes an ESP send each recipient a message of his own.
    """
    message = _message(letters[0].template, text.content, without)
    message.to = [_recipient(letter) for letter in letters]
    addresses = [letter.head.to_address for letter in letters]
    message.merge_data = dict(zip(addresses, values, strict=True))
    message.merge_headers = {letter.head.to_address: _kept(letter.head.headers, without) for letter in letters}
    message.merge_metadata = {letter.head.to_address: {TOKEN: letter.token} for letter in letters}
    return message


def _kept(headers: Iterable[tuple[str, str]], without: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in without}


def _message(template: MessageTemplate, content: Content, without: Collection[str]) -> Any:
    """What all letters of a template share. Any: anymail's attributes are not declared anywhere."""
    reply_to = [value for name, value in template.static_headers if name.lower() == "reply-to"]
    headers = _kept(template.static_headers, {"reply-to", *without})
    message = EmailMultiAlternatives(
        content.subject, content.text, _written(template.sender), reply_to=reply_to, headers=headers
    )
    if template.html_parts:
        message.attach_alternative(content.html, "text/html")
    for one in template.attachments:
        if one.content_id:
            message.attach(_inline(one))
        else:
            message.attach(one.filename, one.data, one.content_type)
    return message


def _inline(image: Attachment) -> MIMEBase:
    """An image that the HTML part shows, in the form in which anymail knows it for one."""
    part = MIMEBase(*image.content_type.split("/", 1))
    part.set_payload(image.data)
    encode_base64(part)
    part.add_header("Content-Disposition", "inline", filename=image.filename)
    part.add_header("Content-ID", f"<{image.content_id}>")
    return part


def _recipient(letter: AnyLetter) -> str:
    return _written(Mailbox(letter.head.to_address, letter.head.to_name))


def _written(owner: Mailbox) -> str:
    """A mailbox as text, letters beyond ASCII as they are; without the name where it would be read as anything else."""
    name = flat(owner.name).strip()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    text = f'"{quoted}" <{owner.address}>'
    return text if name and getaddresses([text]) == [(name, owner.address)] else owner.address
