"""One lead's letter: for SMTP the short way where everything about it is plain, else the careful one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from delivery.addressing import return_path, unsubscribe_header
from delivery.content import Prepared
from delivery.engine import headers
from delivery.engine.message import MessageHead, MessageTemplate
from delivery.frequency import NO_CAP, Cap
from delivery.lead_reader import LeadReader
from delivery.letters import Letter
from delivery.press import Press, Pressed, Row
from delivery.tokens import door_urls, signer

FEED = 11


@dataclass(frozen=True)
class Assignment:
    """What a worker knows of the batch it sends. cap: the frequency caps that it keeps. group: the mailbox group of
    all its leads. in_order: the leads of its windows, where they are claimed one after the other.
    """

    campaign_id: int
    list_id: int | None
    attempt: int
    prepared: Prepared
    cap: Cap = NO_CAP
    group: str = ""
    in_order: Sequence[int] = ()

    @cached_property
    def reader(self) -> LeadReader:
        """Reads its leads."""
        return LeadReader(self.campaign_id, self.list_id, self.in_order)

    @cached_property
    def press(self) -> Press:
        """The short way of this batch."""
        return Press(self)


class Moment:
    """When a window is written, by the clock and as a header line."""

    __slots__ = ("at", "line", "unix")

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.unix = int(self.at.timestamp())
        self.line = headers.date(self.at)


class LeadLetter:
    """A letter that takes the form which its channel asks for; to ESPs it is what `write_letter` gives."""

    __slots__ = ("_letter", "_moment", "_row", "_work", "deadline")

    def __init__(self, work: Assignment, row: Row, moment: Moment, deadline: float) -> None:
        self._work, self._row, self._moment = work, row, moment
        self._letter: Letter | None = None
        self.deadline = deadline

    def written(self) -> Letter:
        """The letter in full."""
        if self._letter is None:
            self._letter = write_letter(self._work, self._row, self._moment.at, self.deadline)
        return self._letter

    @property
    def template(self) -> MessageTemplate:
        return self._work.prepared.template

    @property
    def context(self) -> Mapping[str, Any]:
        return self.written().context

    @property
    def head(self) -> MessageHead:
        return self.written().head

    @property
    def return_path(self) -> str:
        return self.written().return_path

    @property
    def token(self) -> str:
        return self.written().token

    @property
    def mailbox_group(self) -> str:
        return self._work.group


def press(letters: Sequence[LeadLetter]) -> list[Pressed | None]:
    """The messages as SMTP takes them; None for each to which only the careful way leads. Together they cost less."""
    if not letters:
        return []
    first = letters[0]
    work, moment, deadline = first._work, first._moment, first.deadline
    if any(one._work is not work or one._moment is not moment or one.deadline != deadline for one in letters):
        return [one for letter in letters for one in press([letter])]
    return work.press.write([one._row for one in letters], moment.line, moment.unix, deadline)


def write_letter(work: Assignment, row: Row, date: datetime, deadline: float) -> Letter:
    """The careful way, whatever the lead and the template hold. row: of sql.WINDOW_LEADS."""
    lead_id, email, first_name, last_name, language, time_zone, attributes, tags = row[:8]
    prepared = work.prepared
    tokens = signer().sign_all("campaign", work.campaign_id, lead_id)
    context: dict[str, Any] = {
        "lead": {
            "id": lead_id,
            "email": email,
            "first_name": first_name,
            "last_name": last_name,
            "language": language,
            "time_zone": time_zone,
            "attributes": attributes,
            "tags": tags,
        },
        "campaign": prepared.campaign,
        **door_urls(tokens),
    }
    if row[FEED] is not None:
        context["feed"] = row[FEED]
    head = MessageHead(
        to_address=email,
        to_name=f"{first_name} {last_name}".strip(),
        message_id=f"{work.campaign_id:x}.{lead_id:x}.{work.attempt}@{prepared.message_domain}",
        date=date,
        headers=(("List-Unsubscribe", unsubscribe_header(context["unsubscribe_url"], tokens.unsubscribe)),),
    )
    envelope = return_path(tokens.bounce, prepared.sender, prepared.bounce_domain)
    return Letter(prepared.template, context, head, envelope, tokens.bounce, deadline, work.group)
