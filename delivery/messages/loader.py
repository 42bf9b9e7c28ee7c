"""Contents on their way to the recipients: read once for all that was claimed, built once a process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from campaigns.content import CompiledContent
from delivery.content import build_template
from delivery.database import AsyncConnection
from delivery.domains import Known
from delivery.engine.message import Mailbox, MessageTemplate
from delivery.engine.mime import Attachment
from delivery.messages import sql
from delivery.messages.content import MIME, Bundle
from delivery.messages.raw import RawTemplate

# what is kept of contents and templates: a letter with attachments may have 20 MB
KEPT_BYTES = 64 * 1024 * 1024
KEPT_TEMPLATES = 64


class ContentGone(ValueError):
    """What the message says is no longer stored: it cannot be sent any more."""


class Look(NamedTuple):
    """All that a message's template depends on. digest: of its content; None where `content` itself is in the row."""

    digest: bytes | None
    content: bytes
    sender: str
    sender_name: str
    reply_to: str
    domain: Known | None


_contents: dict[bytes, tuple[str, bytes]] = {}


async def load(connection: AsyncConnection, digests: Sequence[bytes]) -> None:
    """Make the contents of these digests, and the files that go with them, known to `template`."""
    if sum(len(payload) for _, payload in _contents.values()) > KEPT_BYTES:
        _contents.clear()
        _template.cache_clear()
    await _read(connection, digests)
    await _read(connection, [file for digest in set(digests) for file in _files_of(digest)])


def _files_of(digest: bytes) -> list[bytes]:
    """Files that go with a content; none where it cannot be read, which `template` tells the message it is for."""
    if _contents.get(digest, (MIME,))[0] == MIME:
        return []
    try:
        return [bytes.fromhex(ref.digest) for ref in _bundle(digest).files]
    except ValueError:
        return []


async def _read(connection: AsyncConnection, digests: Sequence[bytes]) -> None:
    missing = [digest for digest in set(digests) if digest not in _contents]
    if missing:
        rows = await (await connection.execute(sql.CONTENTS, {"digests": missing})).fetchall()
        _contents.update({bytes(digest): (kind, bytes(payload)) for digest, kind, payload in rows if payload})


def template(look: Look) -> MessageTemplate:
    """The template of a message whose content was loaded. Raises SigningImpossible, ContentGone, ValueError."""
    return _template(look)


@lru_cache(maxsize=KEPT_TEMPLATES)
def _template(look: Look) -> MessageTemplate:
    sender = Mailbox(look.sender, look.sender_name)
    headers = [("Reply-To", look.reply_to)] if look.reply_to else []
    if look.digest is None:
        return build_template(CompiledContent.from_bytes(look.content), sender, headers, look.domain)
    kind, payload = _stored(look.digest)
    if kind == MIME:
        return RawTemplate.of(payload, sender, look.domain)
    stored = _bundle(look.digest)
    files = [
        Attachment(ref.filename, ref.content_type, _stored(bytes.fromhex(ref.digest))[1], ref.content_id)
        for ref in stored.files
    ]
    return build_template(stored.content, sender, headers, look.domain, files)


def _stored(digest: bytes) -> tuple[str, bytes]:
    try:
        return _contents[digest]
    except KeyError:
        raise ContentGone("what the message says is no longer stored") from None


@lru_cache(maxsize=KEPT_TEMPLATES)
def _bundle(digest: bytes) -> Bundle:
    return Bundle.from_bytes(_stored(digest)[1])
