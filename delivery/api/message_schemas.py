"""What the API takes and gives of transactional messages."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from campaigns.api.schemas import Given, Moment
from delivery.messages import accept, files, headers

Status = Literal[
    "queued", "sending", "sent", "deferred", "bounced_hard", "bounced_soft", "failed", "dead", "skipped", "cancelled",
    "unknown",
]  # fmt: skip
Address = Annotated[str, Field(min_length=3, max_length=320)]
Tag = Annotated[str, Field(min_length=1, max_length=accept.MAX_TAG_LENGTH)]
Body = Annotated[str, Field(max_length=900_000)]
# base64 takes four characters for three bytes
FILE_CHARACTERS = files.MAX_FILE_BYTES * 4 // 3 + 4

EXAMPLE = {
    "to": [{"email": "ada@example.com", "name": "Ada Lovelace", "data": {"number": 7, "name": "Ada"}}],
    "from": {"email": "shop@example.com", "name": "The Shop"},
    "subject": "Your order {{ data.number }}",
    "html": "<p>Hello {{ data.name }}, your order {{ data.number }} is on its way.</p>",
    "tags": ["order"],
    "metadata": {"order": "7"},
}


class MailboxIn(Given):
    email: Address
    name: str = Field("", max_length=accept.MAX_NAME_LENGTH)


class RecipientIn(MailboxIn):
    data: dict[str, Any] = Field({}, description="Values of this recipient, over those of the request's own `data`.")
    metadata: dict[str, Any] = Field({}, description="Comes back in events, over the request's own `metadata`.")


class FileIn(Given):
    filename: str = Field(min_length=1, max_length=200)
    content_type: str = Field("application/octet-stream", max_length=255)
    content: str = Field(max_length=FILE_CHARACTERS, description="The file in base64.")
    content_id: str = Field(
        "", max_length=200, description="Of an image that the HTML shows as `cid:…`; left out for an attachment."
    )


class MessageIn(Given):
    """One request: the same content to one or up to 1,000 recipients, each with a message of their own."""

    to: list[RecipientIn] = Field(min_length=1, max_length=accept.MAX_RECIPIENTS)
    sender: MailboxIn | None = Field(
        None, alias="from", description="Of a sending domain; the installation's own address when left out."
    )
    reply_to: Address | None = None
    template: int | str | None = Field(
        None, description="Id or name of a stored template. Otherwise `subject` and one of `html`, `mjml`, `text`."
    )
    subject: str | None = Field(None, max_length=400, description="Liquid tags work here; over the template's own.")
    preheader: str = Field("", max_length=250)
    html: Body = ""
    mjml: Body = ""
    text: Body = Field("", description="Plain text; made from the body when left out.")
    data: dict[str, Any] = Field({}, description="Values for all recipients: `{{ data.number }}`.")
    stream: str = Field("transactional", max_length=50, description="A stream that exists in the admin.")
    priority: int = Field(5, ge=0, le=9, description="9 is the most urgent.")
    send_at: Moment | None = Field(None, description="Not before then; at most 30 days ahead.")
    tags: list[Tag] = Field([], max_length=accept.MAX_TAGS)
    metadata: dict[str, Any] = {}
    headers: dict[str, str] = Field(
        {}, max_length=headers.MAX_HEADERS, description="`X-…`, `In-Reply-To`, `References`, `List-…` and some others."
    )
    attachments: list[FileIn] = Field([], max_length=files.MAX_FILES)
    track_opens: bool = True
    track_clicks: bool = True
    at_least_once: bool | None = Field(None, description="As the stream says when left out.")

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class AcceptedOut(Schema):
    id: int
    to: str


class AcceptedPage(Schema):
    """Committed: each of them will be sent, or end with a reason that can be read."""

    messages: list[AcceptedOut] = Field(description="In the order of the recipients.")
    stream: str
    send_at: dt.datetime | None = Field(description="Null: now.")


class EventOut(Schema):
    kind: str = Field(description="`accepted`, or the status that the message came to.")
    at: dt.datetime
    provider_id: int | None
    code: int | None = Field(description="SMTP code of the answer.")
    detail: str


class ListedOut(Schema):
    id: int
    status: Status
    to: str = Field(alias="to_address")
    sender: str
    stream: str
    tags: list[str]
    metadata: dict[str, Any]
    created_at: dt.datetime
    due_at: dt.datetime | None = Field(description="When it is tried next; null once it is settled.")
    at: dt.datetime | None = Field(description="Of the last news.")
    attempts: int = Field(alias="attempt", description="How often a worker took it up.")
    at_least_once: bool
    provider_id: int | None
    code: int | None
    enhanced: str | None
    reply: str | None
    opened_at: dt.datetime | None
    clicked_at: dt.datetime | None


class MessageOut(ListedOut):
    events: list[EventOut] = Field(description="Its history, oldest first.")
