"""The commands that open a transaction, and what is refused here because the server would refuse it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.endpoint import SmtpMessage

# no space, control character or bracket: nothing in an address can end the command or begin another one
_is_address = re.compile(r"[^\x00-\x20<>\x7f-\x9f\ud800-\udfff]{1,512}").fullmatch
is_plain_address = re.compile(r"[!-;=?-~]{1,512}").fullmatch


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offers in its EHLO answer. size: limit in bytes, None when it names none."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    chunking: bool = False
    size_offered: bool = False
    size: int | None = None
    auth: frozenset[str] = frozenset()

    @classmethod
    def from_ehlo(cls, text: str) -> Capabilities:
        """Read the lines of an EHLO reply; the first line is the server's name. Unknown keywords are left alone."""
        offered: dict[str, list[str]] = {}
        for line in text.split("\n")[1:]:
            # "AUTH=LOGIN" is an old spelling that some servers send beside the right one
            keyword, *values = line.replace("AUTH=", "AUTH ").upper().split() or [""]
            offered.setdefault(keyword, []).extend(values)
        size = next((int(value) for value in offered.get("SIZE", []) if value.isascii() and value.isdigit()), 0)
        return cls(
            pipelining="PIPELINING" in offered,
            eight_bit="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            starttls="STARTTLS" in offered,
            chunking="CHUNKING" in offered,
            size_offered="SIZE" in offered,
            size=size or None,
            auth=frozenset(offered.get("AUTH", [])),
        )


class Envelope(NamedTuple):
    """The two commands that carry addresses, each with its CRLF."""

    mail: bytes
    rcpt: bytes


def build_envelope(message: SmtpMessage, offers: Capabilities) -> Envelope | Outcome:
    """Return the commands for one message, or the outcome when this server cannot take it.

    Refused are addresses that would break the command, data without its last CRLF, and what needs SIZE, 8BITMIME or
    SMTPUTF8 beyond what is offered: all before a byte is sent.
    """
    sender, recipient, data = message.sender, message.recipient, message.data
    size = message.checked_size
    if size:
        if offers.size is not None and size > offers.size:
            return _too_large(size, offers.size)
        options = f" SIZE={size}" if offers.size_offered else ""
        return Envelope(f"MAIL FROM:<{sender}>{options}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode())
    is_ascii = is_plain_address(recipient) and (not sender or is_plain_address(sender))
    if not is_ascii and not _is_address(recipient):
        return Outcome(Kind.UNDETERMINED, reply="The recipient's address cannot be used in SMTP.", rule="local-address")
    if not is_ascii and sender and not _is_address(sender):
        return Outcome(Kind.SENDER, reply="The envelope sender cannot be used in SMTP.", rule="local-sender")
    size, end = len(data), data
    if message.more:
        size, end = size + sum(map(len, message.more)), message.more[-1]
    if offers.size is not None and size > offers.size:
        return _too_large(size, offers.size)
    if end[-2:] != b"\r\n":
        return Outcome(Kind.CONTENT, reply="The message does not end with a line end.", rule="local-data")
    options = f" SIZE={size}" if offers.size_offered else ""
    if not data.isascii():
        if not offers.eight_bit:
            return Outcome(Kind.CONTENT, reply="The server does not offer 8BITMIME.", rule="local-8bitmime")
        options += " BODY=8BITMIME"
    if is_ascii:
        return Envelope(f"MAIL FROM:<{sender}>{options}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode())
    return _international(sender, recipient, options, offers)


def chunk_head(message: SmtpMessage, offers: Capabilities) -> bytes | Outcome:
    """Return the commands before the content of one message of a flight, or the outcome when it is too large."""
    size = message.checked_size
    if offers.size is not None and size > offers.size:
        return _too_large(size, offers.size)
    options = f" SIZE={size}" if offers.size_offered else ""
    # in one piece, for every message of a campaign: by way of `build_envelope` it takes 1.3 instead of 0.4 µs
    return (
        f"RSET\r\nMAIL FROM:<{message.sender}>{options}\r\nRCPT TO:<{message.recipient}>\r\nBDAT {size} LAST\r\n"
    ).encode()


def _too_large(size: int, limit: int) -> Outcome:
    reply = f"The message has {size} bytes, the server takes {limit} at most."
    return Outcome(Kind.CONTENT, reply=reply, rule="local-size")


def _international(sender: str, recipient: str, options: str, offers: Capabilities) -> Envelope | Outcome:
    """Non-ASCII addresses: SMTPUTF8 where it is offered, else the domain as punycode if that is enough."""
    if offers.smtputf8:
        return Envelope(f"MAIL FROM:<{sender}>{options} SMTPUTF8\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode())
    plain_sender, plain_recipient = _ascii_address(sender), _ascii_address(recipient)
    if plain_sender is None or plain_recipient is None:
        reply = "The address has letters outside ASCII and the server does not offer SMTPUTF8."
        return Outcome(Kind.CONTENT, reply=reply, rule="local-smtputf8")
    return Envelope(f"MAIL FROM:<{plain_sender}>{options}\r\n".encode(), f"RCPT TO:<{plain_recipient}>\r\n".encode())


def _ascii_address(address: str) -> str | None:
    local, at, domain = address.rpartition("@")
    if not local.isascii():
        return None
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
