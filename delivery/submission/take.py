"""Taking one submission: everything here blocks, and runs in a thread with a database connection of its own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import HttpResponse

from campaigns.api import idempotency, keys, limits
from campaigns.api.errors import ApiError
from campaigns.models import ApiKey
from delivery.messages import raw
from delivery.messages.accept import MessageRefused, Outgoing, Recipient, accept
from delivery.messages.content import MIME, Stored
from delivery.submission import controls, mime
from delivery.submission.refusal import Refused

logger = logging.getLogger(__name__)
SCOPE = "messages:write"
AWAY = "The database does not answer; try again"
NO_KEY = "This key is unknown, revoked or expired; the password is an API key (mm_...)"
Result = TypeVar("Result")


def surely(work: Callable[[], Result]) -> Result:
    """The work with a healthy connection. Raises Refused, also where the database is away."""
    close_old_connections()
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
        logger.warning("a submission found the database away: %s", error)
        raise Refused("451 4.3.0", AWAY) from error
    finally:
        close_old_connections()


def key_for(secret: str, address: str) -> ApiKey:
    """The key that may send from this address. Raises Refused."""
    key = keys.find(secret)
    if key is None:
        raise Refused("535 5.7.8", NO_KEY)
    if not key.admits(address):
        raise Refused("535 5.7.8", f"This key may not be used from {address}")
    if not key.has_scope(SCOPE):
        raise Refused("535 5.7.8", f"This key lacks the scope {SCOPE}: give it in the admin")
    keys.note_use(key, address or None)
    return key


def take(secret: str, address: str, recipients: Sequence[str], content: bytes) -> str:
    """Accept a message for these recipients, one row each; the answer, once it is committed. Raises Refused."""
    key = key_for(secret, address)
    try:
        limits.take(key)
    except ApiError as error:
        raise Refused("450 4.7.1", error.detail) from error
    submitted = mime.read(content)
    asked = controls.parse(submitted.own)
    outgoing = Outgoing(
        recipients=[Recipient(one, metadata=asked.metadata) for one in recipients],
        content=Stored.of(MIME, raw.pack(submitted.message)),
        sender=submitted.sender,
        stream=asked.stream,
        priority=asked.priority,
        send_at=asked.send_at,
        tags=asked.tags,
        at_least_once=asked.at_least_once,
        detail=f"by SMTP with the key {key.name}",
    )
    if not asked.idempotency_key:
        return _accept(outgoing)
    return _once(key, asked.idempotency_key, fingerprint(recipients, submitted), outgoing)


def fingerprint(recipients: Sequence[str], submitted: mime.Submitted) -> bytes:
    """What makes two submissions the same: an application that tries again writes a new date and new boundaries."""
    same = "\n".join(["smtp", submitted.sender.address, submitted.subject, *recipients])
    return hashlib.sha256(same.encode("utf-8", "replace")).digest()


def _once(key: ApiKey, name: str, digest: bytes, outgoing: Outgoing) -> str:
    try:
        response = idempotency.run_once(key.pk, name, digest, lambda: HttpResponse(_accept(outgoing), status=202))
    except ApiError as error:
        is_under_way = error.code == "idempotency-in-progress"
        raise Refused("451 4.7.1" if is_under_way else "554 5.6.0", error.detail) from error
    assert isinstance(response, HttpResponse)  # noqa: S101 (for mypy)
    return response.content.decode()


def _accept(outgoing: Outgoing) -> str:
    try:
        accepted = accept(outgoing)
    except MessageRefused as error:
        raise Refused(_code(error), str(error)) from error
    first, last = accepted[0].id, accepted[-1].id
    return f"250 2.0.0 Accepted as {first}" if first == last else f"250 2.0.0 Accepted as {first} to {last}"


def _code(error: MessageRefused) -> str:
    fields = {one.field for one in error.complaints}
    return "550 5.7.1" if fields == {"from"} else "554 5.6.0"
