"""Accepting transactional mail: one request, one to a thousand rows, one statement, one commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from typing import Any, NamedTuple

from django.db import transaction

from campaigns import addresses
from delivery.engine.message import HeaderInvalid, Mailbox
from delivery.messages import content, events, headers, prepared, senders, sql, wake
from delivery.messages.content import Stored
from delivery.messages.streams import Stream, book

MAX_RECIPIENTS = 1_000
MAX_TAGS = 10
MAX_TAG_LENGTH = 50
MAX_NAME_LENGTH = 200
MAX_DATA_BYTES = 64 * 1024
MAX_METADATA_BYTES = 4 * 1024
MAX_AHEAD = timedelta(days=30)


class Complaint(NamedTuple):
    """What is wrong with a request. field: the path to it, such as "to[3].email"."""

    field: str
    message: str


class MessageRefused(ValueError):
    """Nothing was accepted; `complaints` name every field and the cure. Show them to whoever sent the request."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("; ".join(f"{one.field}: {one.message}" for one in self.complaints))


@dataclass(frozen=True, slots=True)
class Recipient:
    """data: JSON values of this recipient, which the templates see as {{ data }}. metadata: comes back in events."""

    address: str
    name: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request before it is accepted.

    content: what it says, and files: what goes with it; both are stored once. at_least_once, pool_id: as the stream
    says where they are None. send_at: with a time zone; now where it is None or over. detail: for the history.
    """

    recipients: Sequence[Recipient]
    content: Stored
    sender: Mailbox
    files: Sequence[Stored] = ()
    stream: str = "transactional"
    reply_to: str = ""
    headers: Sequence[tuple[str, str]] = ()
    priority: int = 5
    pool_id: int | None = None
    send_at: datetime | None = None
    tags: Sequence[str] = ()
    at_least_once: bool | None = None
    detail: str = ""


class Accepted(NamedTuple):
    """One row that is committed when the caller's transaction is. address: as it is stored."""

    id: int
    created_at: datetime
    address: str


def accept(outgoing: Outgoing, *, any_sender: bool = False) -> list[Accepted]:
    """Write the rows of a request, in the order of its recipients, and wake a worker after the commit.

    any_sender: of code of our own, which may write in any name: alerts, test sends of a campaign.
    Raises MessageRefused with all that is wrong; nothing is stored then.
    """
    recipients, complaints = _normalised(outgoing.recipients)
    stream = book.get().get(outgoing.stream)
    complaints += [*_check(outgoing, stream)]
    if not any_sender:
        complaints += [*_check_sender(outgoing.sender)]
    if complaints or stream is None:
        raise MessageRefused(complaints)
    contents = [*outgoing.files, outgoing.content]
    # one statement commits by itself: BEGIN and COMMIT are two round trips more, and so is a savepoint
    is_one_statement = not events.has_listeners("accepted") and content.are_stored(contents)
    with nullcontext() if is_one_statement else transaction.atomic(savepoint=False):
        content.store(contents)
        rows = _insert(outgoing, recipients, stream)
        if events.has_listeners("accepted"):
            events.tell([*_changes(outgoing, recipients, rows)])
        transaction.on_commit(wake.wake, robust=True)
    return rows


def _insert(outgoing: Outgoing, recipients: Sequence[Recipient], stream: Stream) -> list[Accepted]:
    once = stream.at_least_once if outgoing.at_least_once is None else outgoing.at_least_once
    parameters: dict[str, Any] = {
        "to_address": [one.address for one in recipients],
        "to_name": [one.name for one in recipients],
        "data": [_json(one.data) for one in recipients],
        "metadata": [_json(one.metadata) for one in recipients],
        "stream": stream.name,
        "sender": outgoing.sender.address,
        "sender_name": outgoing.sender.name,
        "reply_to": outgoing.reply_to,
        "content": outgoing.content.digest,
        "headers": json.dumps([list(pair) for pair in outgoing.headers]),
        "priority": outgoing.priority,
        "pool": stream.pool_id if outgoing.pool_id is None else outgoing.pool_id,
        "due_at": outgoing.send_at,
        "tags": list(outgoing.tags),
        "at_least_once": once,
        "detail": outgoing.detail,
    }
    found = prepared.fetch_all(sql.INSERT, parameters)
    return [
        Accepted(message_id, created_at, recipient.address)
        for (message_id, created_at), recipient in zip(found, recipients, strict=True)
    ]


def _changes(outgoing: Outgoing, recipients: Sequence[Recipient], rows: Sequence[Accepted]) -> Iterator[events.Change]:
    for recipient, row in zip(recipients, rows, strict=True):
        yield events.Change(
            row.id, row.created_at, outgoing.stream, row.address, list(outgoing.tags), dict(recipient.metadata),
            "accepted", None, None, None, outgoing.detail,
        )  # fmt: skip


def _normalised(recipients: Sequence[Recipient]) -> tuple[list[Recipient], list[Complaint]]:
    """The recipients as they are stored, and what is wrong with them."""
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        return [], [Complaint("to", f"one to {MAX_RECIPIENTS:,} recipients make a request, not {len(recipients):,}")]
    found, complaints = [], []
    for index, one in enumerate(recipients):
        try:
            found.append(replace(one, address=addresses.normalise(one.address)))
        except addresses.AddressInvalid as error:
            complaints.append(Complaint(f"to[{index}].email", str(error)))
        complaints += [Complaint(f"to[{index}].{part}", message) for part, message in _check_recipient(one)]
    return found, complaints


def _check_recipient(one: Recipient) -> Iterator[tuple[str, str]]:
    if one.name and (len(one.name) > MAX_NAME_LENGTH or not one.name.isprintable()):
        yield "name", f"a name is one line of at most {MAX_NAME_LENGTH} characters"
    for part, values, limit in (("data", one.data, MAX_DATA_BYTES), ("metadata", one.metadata, MAX_METADATA_BYTES)):
        if not values:
            continue
        try:
            size = len(json.dumps(dict(values), ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError):  # half a character, infinity, what is no JSON
            yield part, "only values of JSON, in whole characters, can be stored"
            continue
        if size > limit:
            yield part, f"{size:,} bytes of JSON: at most {limit:,} are allowed"
        elif r"\u0000" in _json(values):
            yield part, "the character NUL cannot be stored"


def _check(outgoing: Outgoing, stream: Stream | None) -> Iterator[Complaint]:
    if stream is None:
        names = ", ".join(sorted(book.get()))
        yield Complaint("stream", f"there is no stream {outgoing.stream!r}; these exist: {names}")
    try:
        headers.check(outgoing.headers)
    except HeaderInvalid as error:
        yield Complaint("headers", str(error))
    if not 0 <= outgoing.priority <= 9:
        yield Complaint("priority", "from 0 to 9; 9 is the most urgent")
    if outgoing.send_at is not None and outgoing.send_at > datetime.now(UTC) + MAX_AHEAD:
        yield Complaint("send_at", f"at most {MAX_AHEAD.days} days from now")
    yield from _check_tags(outgoing.tags)


def _check_sender(sender: Mailbox) -> Iterator[Complaint]:
    try:
        senders.demand_allowed(sender.address)
    except senders.SenderRefused as error:
        yield Complaint("from", str(error))


def _check_tags(tags: Sequence[str]) -> Iterator[Complaint]:
    if len(tags) > MAX_TAGS:
        yield Complaint("tags", f"at most {MAX_TAGS} tags are allowed")
    for index, tag in enumerate(tags):
        if not tag.strip() or len(tag) > MAX_TAG_LENGTH or not tag.isprintable():
            yield Complaint(f"tags[{index}]", f"a tag is one line of 1 to {MAX_TAG_LENGTH} characters")


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), separators=(",", ":")) if values else "{}"


def parse_mailbox(text: str) -> Mailbox:
    """ "Name <address>" as a mailbox with its address normalised. Raises AddressInvalid."""
    name, address = parseaddr(text)
    return Mailbox(addresses.normalise(address or text), name)
