"""Transactional messages: accepted means committed; what became of each can be read, and some can be called back."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from html import escape
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema
from pydantic import Field

from campaigns import addresses
from campaigns.api.bodies import JSON_TYPE
from campaigns.api.callers import caller
from campaigns.api.errors import ApiError, At, invalid, not_found, pointer_to
from campaigns.api.operation import compact
from campaigns.api.paging import Page, Wanted, make_cursor, read_cursor
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id, Moment
from campaigns.content import ContentInvalid, ContentSource, Problem
from campaigns.content.scan import Shield
from campaigns.models import Template
from delivery.api.message_schemas import (
    EXAMPLE,
    AcceptedPage,
    FileIn,
    ListedOut,
    MessageIn,
    MessageOut,
    Status,
)
from delivery.engine.message import Attachment, Mailbox
from delivery.messages import files, look
from delivery.messages.accept import MessageRefused, Outgoing, Recipient, accept, parse_mailbox
from delivery.messages.content import Stored, compiled, stored_file
from delivery.models import Message

router = ApiRouter("messages")
# 15 MB of files in base64, and a thousand recipients with data
MAX_BODY_BYTES = 32 * 1024 * 1024
NAME = "messages"
_STEP = re.compile(r"[^.\[\]]+")


class MessageFilter(Schema):
    status: Status | None = None
    to: str | None = Field(None, max_length=320, description="The whole address of the recipient.")
    tag: str | None = Field(None, max_length=50)
    stream: str | None = Field(None, max_length=50)
    since: Moment | None = Field(None, description="Accepted at this moment or later.")
    until: Moment | None = Field(None, description="Accepted before this moment.")


Filter = Annotated[MessageFilter, Query()]


@router.create("", response={202: AcceptedPage}, example=EXAMPLE, commits=True, max_body_bytes=MAX_BODY_BYTES)
def send_message(request: HttpRequest, message: MessageIn) -> HttpResponse:
    """Send a message to one or up to 1,000 recipients.

    The answer comes when every message is committed: it outlives the broker, the workers and this server. Suppressed
    recipients are accepted, and end as `skipped` with the reason. Each recipient gets a message of their own: there is
    no Cc or Bcc. At most 20 files, 10 MB each and 15 MB together; programs and scripts are refused.
    """
    try:
        accepted = accept(_outgoing(message, caller(request).name))
    except MessageRefused as error:
        raise invalid(*(At(one.message, pointer=_pointer(one.field)) for one in error.complaints)) from error
    send_at = message.send_at.isoformat() if message.send_at else None
    body = {
        "messages": [{"id": one.id, "to": one.address} for one in accepted],
        "stream": message.stream,
        "send_at": send_at,
    }
    return HttpResponse(compact(body), status=202, content_type=JSON_TYPE)


@router.read("", response=Page[ListedOut])
def list_messages(request: HttpRequest, wanted: Wanted, asked: Filter) -> dict[str, Any]:
    """List messages.

    Newest first. Of each the newest state; its history stands in the message itself.
    """
    after = read_cursor(wanted.cursor, NAME)
    rows = look.page(_asked(asked), int(after[0]) if after else None, wanted.limit + 1)
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    return {"items": rows, "next": make_cursor([rows[-1].id], NAME) if more else None}


@router.read("/{message_id}", response=MessageOut)
def get_message(request: HttpRequest, message_id: Id) -> MessageOut:
    """Read a message with its history."""
    return _shown(_find(message_id))


@router.create("/{message_id}/cancel", response=MessageOut, body_types=())
def cancel_message(request: HttpRequest, message_id: Id) -> MessageOut:
    """Call a message back.

    As long as it is scheduled, queued or deferred: 409 once a worker has taken it up.
    """
    found = _find(message_id)
    if not look.cancel(message_id, f"cancelled by the key {caller(request).name}"):
        raise ApiError(409, f"It cannot be called back any more: it is {_find(found.id).status}.", "not-cancellable")
    return _shown(_find(message_id))


@router.create("/{message_id}/retry", response=MessageOut, body_types=())
def retry_message(request: HttpRequest, message_id: Id) -> MessageOut:
    """Try a dead message again.

    With all its tries before it. 409 unless it is `dead`: only of a dead message it is proven that nobody has it.
    """
    found = _find(message_id)
    if not look.retry_dead(message_id):
        raise ApiError(409, f"Only a dead message is tried again; this one is {_find(found.id).status}.", "not-dead")
    return _shown(_find(message_id))


def _find(message_id: int) -> Message:
    found = look.find(message_id)
    if found is None:
        raise not_found("message")
    return found


def _shown(message: Message) -> MessageOut:
    message.events = look.history(message)  # type: ignore[attr-defined]  # read by the schema
    return MessageOut.from_orm(message)


def _asked(asked: MessageFilter) -> look.Asked:
    address = asked.to or ""
    if address:
        try:
            address = addresses.normalise(address)
        except addresses.AddressInvalid as error:
            raise invalid(At(str(error), parameter="to")) from error
    return look.Asked(
        address=address,
        statuses=[asked.status] if asked.status else [],
        tag=asked.tag or "",
        stream=asked.stream or "",
        since=asked.since,
        until=asked.until,
    )


def _outgoing(message: MessageIn, key_name: str) -> Outgoing:
    """The request as the service takes it. Raises ApiError 422."""
    attached = [_file(index, one) for index, one in enumerate(message.attachments)]
    try:
        files.check(attached)
    except files.FileRefused as error:
        steps = ("attachments", error.index) if error.index < len(attached) else ("attachments",)
        raise invalid(At(str(error), pointer=pointer_to(*steps))) from error
    stored = [stored_file(one) for one in attached]
    return Outgoing(
        recipients=[
            Recipient(one.email, one.name, {**message.data, **one.data}, {**message.metadata, **one.metadata})
            for one in message.to
        ],
        content=_content(message, tuple(ref for ref, _ in stored)),
        sender=_sender(message),
        files=[row for _, row in stored],
        stream=message.stream,
        reply_to=_address(message.reply_to, "reply_to") if message.reply_to else "",
        headers=list(message.headers.items()),
        priority=message.priority,
        send_at=message.send_at,
        tags=message.tags,
        at_least_once=message.at_least_once,
        detail=f"by the API key {key_name}",
    )


def _sender(message: MessageIn) -> Mailbox:
    if message.sender is None:
        return parse_mailbox(settings.DEFAULT_FROM_EMAIL)
    if message.sender.name and not message.sender.name.isprintable():
        raise invalid(At("A name is one line of text.", pointer="#/from/name"))
    return Mailbox(_address(message.sender.email, "from", "email"), message.sender.name)


# programs send from the same few addresses
_normalised = lru_cache(maxsize=1024)(addresses.normalise)


def _address(text: str, *steps: str) -> str:
    try:
        return _normalised(text)
    except addresses.AddressInvalid as error:
        raise invalid(At(str(error), pointer=pointer_to(*steps))) from error


def _file(index: int, one: FileIn) -> Attachment:
    try:
        data = base64.b64decode(one.content, validate=True)
    except (binascii.Error, ValueError) as error:
        pointer = pointer_to("attachments", index, "content")
        raise invalid(At("This is not base64.", pointer=pointer)) from error
    return Attachment(one.filename, one.content_type.lower(), data, one.content_id.strip().strip("<>"))


def _content(message: MessageIn, refs: tuple[Any, ...]) -> Stored:
    """What the message says, compiled. Raises ApiError 422 with each place."""
    source = _template(message) if message.template is not None else _inline(message)
    try:
        stored, _ = compiled(source, message.track_opens, message.track_clicks, refs)
    except ContentInvalid as error:
        raise invalid(*(_at(problem, message) for problem in error.problems if problem.is_error)) from error
    return stored


def _inline(message: MessageIn) -> ContentSource:
    bodies = [name for name in ("html", "mjml") if getattr(message, name).strip()]
    if len(bodies) > 1:
        raise invalid(At("Send html or mjml, not both.", pointer="#/mjml"))
    if message.subject is None:
        raise invalid(At("A message without a template needs a subject.", pointer="#/subject"))
    if not bodies and not message.text.strip():
        raise invalid(At("A message needs a template, html, mjml or text.", pointer="#"))
    body = message.mjml or message.html if bodies else _from_text(message.text)
    return ContentSource(message.subject, message.preheader, body, "mjml" if "mjml" in bodies else "html", message.text)


def _from_text(text: str) -> str:
    """The HTML of a message that has a plain text only; its merge tags stay."""
    shield = Shield(text)
    return f'<div style="white-space:pre-wrap">{shield.restore(escape(shield.hide_all(text), quote=False))}</div>'


def _template(message: MessageIn) -> ContentSource:
    given = [name for name in ("html", "mjml", "text", "preheader") if getattr(message, name)]
    if given:
        raise invalid(*(At("Send a template or content of your own.", pointer=pointer_to(name)) for name in given))
    wanted = {"pk": message.template} if isinstance(message.template, int) else {"name": message.template}
    columns = ("subject", "preheader", "body", "body_format", "text")
    try:
        row = Template.objects.filter(**wanted).values_list(*columns).first()
    except OverflowError:
        row = None
    if row is None:
        raise invalid(At(f"There is no template {message.template!r}.", pointer="#/template"))
    subject, preheader, body, body_format, text = row
    return ContentSource(message.subject or subject, preheader, body, body_format, text)


def _at(problem: Problem, message: MessageIn) -> At:
    """Where in the request a problem of the content is."""
    if message.template is not None:
        pointer = pointer_to("subject" if problem.part == "subject" and message.subject else "template")
    elif problem.part == "body":
        pointer = pointer_to("mjml" if message.mjml else "html" if message.html else "text")
    else:
        pointer = pointer_to(problem.part)
    return At(problem.message, pointer=pointer, code=problem.code, line=problem.line, column=problem.column)


def _pointer(field: str) -> str:
    return pointer_to(*(int(step) if step.isdigit() else step for step in _STEP.findall(field)))
