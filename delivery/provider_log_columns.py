"""Reading one line of a provider's log: which columns it has, and what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from campaigns.addresses import AddressInvalid
from campaigns.leads.errors import FileRefused
from campaigns.leads.guard import unguard
from campaigns.leads.headers import FIELD_BY_HEADER, fold
from campaigns.leads.quick import AddressReader

# <campaign>.<lead>.<attempt>@<domain of the From address>, numbers as `delivery.window` writes them
_MESSAGE_ID = re.compile(r"<?([0-9a-f]{1,15})\.([0-9a-f]{1,15})\.([0-9]{1,9})@([^\s<>@]+)>?", re.IGNORECASE)
_TRANSACTIONAL_ID = re.compile(r"<?m[0-9a-f]{1,15}@[^\s<>@]+>?", re.IGNORECASE)
_REPLY_CODE = re.compile(r"([245])\d\d\b.*", re.DOTALL)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ADDRESS_HEADERS = _words(
    """
    recipient recipients recipientemail recipientaddress rcpt rcptto to toemail toaddress destination address
    receiver
    """
)
_MESSAGE_ID_HEADERS = _words(
    """
    messageid msgid smtpid smtpmessageid internetmessageid headermessageid messageidheader
    """
)
_STATUS_HEADERS = _words(
    """
    status event eventtype lastevent result state outcome disposition deliverystatus code action response reply
    smtpreply smtpcode
    """
)
# in the order of trust where a log has several of them
_STATUS_ORDER = ("status", "event", "eventtype", "deliverystatus", "lastevent", "result", "outcome", "state")
# the provider has taken the message over, or somebody even looked at it
_ACCEPTED = _words(
    """
    delivered delivery sent send accepted ok success successful processed queued injection relayed open opened
    click clicked unsubscribe unsubscribed complaint complained spam spamreport
    """
)
_NOT_ACCEPTED = _words(
    """
    bounced bounce hardbounce hardbounced softbounce softbounced permanentbounce failed transientbounce failure
    fail permanentfail temporaryfail rejected reject refused deferred deferral delayed deliverydelay dropped
    drop blocked block expired error undelivered undeliverable invalid suppressed cancelled canceled outofband
    """
)


class LineRefused(Exception):
    """This line of the log says nothing that could be used. The message says why; show it to the person."""


@dataclass(frozen=True, slots=True)
class MessageId:
    """What stands in the Message-ID of a campaign's e-mail."""

    campaign_id: int
    lead_id: int
    attempt: int
    domain: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log. message_id goes before address. is_other_mail: a transactional message of ours."""

    message_id: MessageId | None
    address: str
    is_accepted: bool
    is_other_mail: bool = False


def read_message_id(text: str) -> MessageId | None:
    """The parts of a Message-ID of one of our campaigns, with or without its brackets; None for any other text."""
    match = _MESSAGE_ID.fullmatch(text.strip())
    if match is None:
        return None
    return MessageId(int(match[1], 16), int(match[2], 16), int(match[3]), match[4].lower())


def read_status(text: str) -> bool:
    """Whether a log's word or reply code means that the provider took the message. Raises LineRefused."""
    # "sent (250 2.0.0 Ok: queued as 4Xy)" is how Postfix says it
    word = fold(re.split(r"[(:]", text, maxsplit=1)[0])
    if word in _ACCEPTED:
        return True
    code = _REPLY_CODE.fullmatch(text.strip())
    if code:
        return code[1] == "2"
    if word in _NOT_ACCEPTED:
        return False
    shown = text.strip()[:40]
    raise LineRefused(
        f"The status “{shown}” is not known. Write delivered or bounced." if shown else "The line has no status."
    )


class LogColumns:
    """Where a log has its addresses, Message-IDs and statuses."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        """rows: the first ones of the file, the header among them. Raises FileRefused where nothing can be matched."""
        self._addresses = AddressReader()
        self.has_header = not any(self._is_address(cell) or self._is_message_id(cell) for cell in rows[0])
        names = [fold(cell) for cell in rows[0]] if self.has_header else [""] * len(rows[0])
        body = rows[1:] if self.has_header else rows
        self.message_id = _pick(names, body, _MESSAGE_ID_HEADERS.__contains__, self._is_message_id)
        self.address = _pick(names, body, _names_address, self._is_address, but=self.message_id)
        self.status = _pick(names, body, _STATUS_HEADERS.__contains__, _is_status)
        if self.message_id is None and self.address is None:
            raise FileRefused(
                "No column of this file has addresses or our Message-IDs. Name one of its columns “email” or "
                "“message_id” in the first line."
            )

    def read(self, fields: Sequence[str]) -> LogLine:
        """What one line says. Raises LineRefused with the reason."""
        shown_id = self._cell(fields, self.message_id)
        shown_address = self._cell(fields, self.address)
        message_id = read_message_id(shown_id)
        is_other = bool(_TRANSACTIONAL_ID.fullmatch(shown_id))
        address = ""
        if message_id is None and not is_other:
            if not shown_address:
                raise LineRefused(
                    f"“{shown_id[:60]}” is not a Message-ID of ours." if shown_id else "The line names no e-mail."
                )
            address = self._read_address(shown_address)
        accepted = True if self.status is None else read_status(self._cell(fields, self.status))
        return LogLine(message_id, address, accepted, is_other)

    def _cell(self, fields: Sequence[str], index: int | None) -> str:
        return unguard(fields[index].strip()) if index is not None and index < len(fields) else ""

    def _read_address(self, text: str) -> str:
        """The address, also out of `Ann <ann@example.com>`."""
        if text.endswith(">") and "<" in text:
            text = text[text.rindex("<") + 1 : -1]
        try:
            return self._addresses.read(text)[0]
        except AddressInvalid as error:
            raise LineRefused(f"“{text[:60]}” is not an address: {error}") from error

    def _is_address(self, text: str) -> bool:
        if "@" not in text or self._is_message_id(text):
            return False
        try:
            self._read_address(text.strip())
        except LineRefused:
            return False
        return True

    def _is_message_id(self, text: str) -> bool:
        return read_message_id(text) is not None


def _names_address(name: str) -> bool:
    return name in _ADDRESS_HEADERS or FIELD_BY_HEADER.get(name) == "email"


def _is_status(text: str) -> bool:
    word = fold(text)
    return word in _ACCEPTED or word in _NOT_ACCEPTED


def _pick(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    is_named: Callable[[str], bool],
    fits: Callable[[str], bool],
    but: int | None = None,
) -> int | None:
    """The column by its name, the most trusted of several; else the first of which most cells fit."""
    rank = {name: place for place, name in enumerate(_STATUS_ORDER)}
    named = [index for index, name in enumerate(names) if is_named(name)]
    if named:
        return min(named, key=lambda index: rank.get(names[index], len(rank)))
    for index in range(len(names)):
        cells = [row[index] for row in rows if index < len(row) and row[index].strip()]
        if index != but and cells and sum(map(fits, cells)) * 2 > len(cells):
            return index
    return None
