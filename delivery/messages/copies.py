"""What each recipient got, kept encrypted for the days that the message's stream says, then dropped."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

from django.db import connection

from campaigns import crypto
from delivery.database import AsyncConnection
from delivery.engine.message import RenderFailed
from delivery.esp.rendering import render
from delivery.letters import Letter
from delivery.messages import sql
from delivery.models import MessageCopy

logger = logging.getLogger(__name__)
DROPPED_AT_ONCE = 5_000


class Copied(NamedTuple):
    """A letter of which a copy is to be kept for so many days."""

    message_id: int
    days: int
    letter: Letter


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as its recipient got it. files: names of what was attached; the files themselves are not kept."""

    subject: str
    html: str
    text: str
    headers: list[list[str]]
    files: list[str]


def seal(copy: Copy) -> bytes:
    """The copy, compressed, then encrypted."""
    return crypto.seal_bytes(zlib.compress(json.dumps(asdict(copy)).encode(), 1))


def unseal(sealed: bytes) -> Copy:
    """What `seal` closed. Raises crypto.SecretUnreadable when no key fits."""
    return Copy(**json.loads(zlib.decompress(crypto.unseal_bytes(sealed))))


def copy_of(letter: Letter) -> Copy:
    """What the recipient of a letter sees. Raises RenderFailed."""
    content, head, template = render(letter), letter.head, letter.template
    return Copy(
        content.subject,
        content.html,
        content.text,
        [list(pair) for pair in (*template.static_headers, *head.headers)],
        [one.filename for one in template.attachments],
    )


async def store(work: AsyncConnection, copied: Iterable[Copied]) -> None:
    """Keep copies, in the transaction that records what became of the messages."""
    rows = [(one.message_id, one.days, sealed) for one in copied if (sealed := _sealed(one))]
    if rows:
        ids, days, sealed_copies = map(list, zip(*rows, strict=True))
        await work.execute(sql.STORE_COPIES, {"id": ids, "days": days, "sealed": sealed_copies})


def _sealed(one: Copied) -> bytes | None:
    """None where there is nothing to keep: what cannot be rendered was not sent."""
    try:
        return seal(copy_of(one.letter))
    except RenderFailed:
        return None
    except Exception:  # the outcomes are in hand: a copy is no reason to lose them
        logger.exception("no copy of message %s can be kept", one.message_id)
        return None


def find(message_id: int) -> Copy | None:
    """The copy of a message; None where none is kept. Raises crypto.SecretUnreadable."""
    sealed = MessageCopy.objects.filter(message_id=message_id).values_list("sealed", flat=True).first()
    return unseal(bytes(sealed)) if sealed else None


def drop_expired() -> int:
    """Drop copies whose days are over, in small steps; how many."""
    dropped = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql.DROP_COPIES, {"limit": DROPPED_AT_ONCE})
            count = int(cursor.rowcount)
        dropped += count
        if count < DROPPED_AT_ONCE:
            return dropped
