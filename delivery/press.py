"""The short way from a lead's row to its message for SMTP, for leads about whom everything is plain.

It gives what `lead_letter.write_letter` and a rendering give, in a quarter of the time, or nothing: then that is done.
A property test holds them against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings

from delivery.addressing import unsubscribe_header
from delivery.engine import headers
from delivery.engine.dkim import Draft
from delivery.engine.headers import HeaderInvalid, Mailbox
from delivery.engine.quick import MAX_VALUE_BYTES, Path, QuickForm, paths_of, plain_values
from delivery.engine.smtp import SmtpMessage
from delivery.engine.smtp.envelope import is_plain_address
from delivery.tokens import signer

if TYPE_CHECKING:
    from delivery.lead_letter import Assignment

Row = tuple[Any, ...]

# columns of sql.WINDOW_LEADS
EMAIL, FIRST_NAME, LAST_NAME, ATTRIBUTES = 1, 2, 3, 6
COLUMNS = {"email": EMAIL, "first_name": FIRST_NAME, "last_name": LAST_NAME, "language": 4, "time_zone": 5}
# which of the tokens stands in an address of ours, and between what
DOORS = {
    "_open": (0, "/o/", ".gif"),
    "_click": (1, "/c/", ""),
    "view_url": (2, "/v/", ""),
    "unsubscribe_url": (3, "/u/", ""),
}
UNSUBSCRIBE, BOUNCE = 3, 4


# a message, and the signatures that are still to be put before it
Pressed = tuple[SmtpMessage, tuple[Draft, ...]]


class _Door(NamedTuple):
    token: int
    before: bytes
    after: bytes


class Press:
    """Writes the letters of one batch. `write` gives None for a lead that has to go the careful way."""

    def __init__(self, work: Assignment) -> None:
        prepared = work.prepared
        self._signer = signer()
        self._heads = self._signer.heads("campaign", work.campaign_id)
        self._group = work.group
        self._message_id = b"Message-ID: <%x.%%x.%d@%b>\r\n" % (
            work.campaign_id, work.attempt, prepared.message_domain.encode().replace(b"%", b"%%"),
        )  # fmt: skip
        self._sender, self._bounce_domain = prepared.sender, prepared.bounce_domain
        self._frame = lru_cache(maxsize=16)(self._make_frame)
        self._form: QuickForm | None = None
        if is_plain_address(prepared.bounce_domain or prepared.sender) and prepared.message_domain.isascii():
            self._choose(paths_of(prepared.template), prepared.template)

    def _choose(self, paths: frozenset[Path] | None, template: Any) -> None:
        """Where the values of these paths come from; no form where one of them comes from anywhere else."""
        columns = [path for path in sorted(paths or ()) if len(path) == 2 and path[0] == "lead" and path[1] in COLUMNS]
        extra = [path for path in sorted(paths or ()) if len(path) == 3 and path[:2] == ("lead", "attributes")]
        doors = [path for path in sorted(paths or ()) if len(path) == 1 and path[0] in DOORS]
        order = [*columns, *extra, *doors]
        if paths is None or len(order) != len(paths):
            return
        self._columns = [COLUMNS[path[1]] for path in columns]
        self._keys = [path[2] for path in extra]
        base = settings.TRACKING_URL
        self._doors = [
            _Door(DOORS[path[0]][0], f"{base}{DOORS[path[0]][1]}".encode(), DOORS[path[0]][2].encode())
            for path in doors
        ]
        self._form = QuickForm(template, order)

    def write(self, rows: Sequence[Row], date: bytes, moment: int, deadline: float) -> list[Pressed | None]:
        """The messages to the leads of these rows of sql.WINDOW_LEADS; None for each that has to go the careful way.

        date: the header line of that moment, Unix time. Many are written for less each than one.
        """
        written: list[Pressed | None] = [None] * len(rows)
        form, domain, group = self._form, self._bounce_domain, self._group
        if form is None:
            return written
        plain = self._plain(rows)
        leads = [rows[place] for place, _ in plain]
        tokens = self._signer.sign_many(self._heads, [row[0] for row in leads])
        for (place, values), row, own, to in zip(plain, leads, tokens, _recipients(leads), strict=True):
            lead_id, email, unsubscribe = row[0], row[EMAIL], own[UNSUBSCRIBE]
            frame = self._frame(len(unsubscribe))
            if frame is None or to is None or not is_plain_address(email):
                continue
            addresses = [before + own[token] + after for token, before, after in self._doors]
            lines = (date, self._message_id % lead_id, unsubscribe.join(frame))
            filled = form.fill((*values, *addresses), to, lines, moment)
            if filled is None:
                continue
            pieces, drafts = filled
            sender = f"b+{own[BOUNCE].decode()}@{domain}" if domain else self._sender
            size = sum(map(len, pieces)) if len(pieces) > 1 else len(pieces[0])
            written[place] = SmtpMessage(sender, email, pieces[0], deadline, group, pieces[1:], size), drafts
        return written

    def _plain(self, rows: Sequence[Row]) -> list[tuple[int, Sequence[bytes]]]:
        """The rows, by number, whose values are plain, and these values encoded."""
        count = len(rows)
        texts = [row[column] for column in self._columns for row in rows]
        texts += [row[ATTRIBUTES].get(key) for key in self._keys for row in rows]
        together = plain_values(texts)
        if together is not None:
            return [(place, together[place::count]) for place in range(count)]
        each = [(place, plain_values(texts[place::count])) for place in range(count)]
        return [(place, values) for place, values in each if values is not None]

    def _make_frame(self, length: int) -> Sequence[bytes] | None:
        """List-Unsubscribe without the tokens of this length; None where addresses with them are not plain."""
        token = "~" * length
        doors = [door.before + token.encode() + door.after for door in self._doors]
        if plain_values([door.decode() for door in doors]) is None or max(map(len, doors), default=0) > MAX_VALUE_BYTES:
            return None
        value = unsubscribe_header(f"{settings.TRACKING_URL}/u/{token}", token)
        try:
            return headers.checked("List-Unsubscribe", value).split(token.encode())
        except HeaderInvalid:
            return None


def _recipients(rows: Sequence[Row]) -> list[bytes | None]:
    """The To header of each lead; None where its address cannot stand in one."""
    owners = [(f"{row[FIRST_NAME]} {row[LAST_NAME]}".strip(), row[EMAIL]) for row in rows]
    return [*(headers.recipients(owners) or map(_recipient, owners))]


def _recipient(owner: tuple[str, str]) -> bytes | None:
    name, address = owner
    try:
        return headers.mailbox("To", Mailbox(address, name))
    except HeaderInvalid:
        return None
