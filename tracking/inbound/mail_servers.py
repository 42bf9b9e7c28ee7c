"""IMAP and POP3 by the standard library: names of messages, their bytes, and that they are done with."""

from __future__ import annotations

import imaplib
import poplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from tracking.inbound.message import MAX_BYTES
from tracking.models import MailAccount

TIMEOUT_SECONDS = 20.0
# bounces quote web pages in single lines; at the library's limit of 2 kB one of them would stop its mailbox for ever
poplib._MAXLINE = MAX_BYTES  # type: ignore[attr-defined]
# what a POP3 server is asked for of a message that is larger than what is looked at
TOP_LINES = 2_000


class ServerTrouble(Exception):
    """The mail server cannot be reached, refuses the log-in, or does not keep to its protocol. The message says it."""


class MailServer(Protocol):
    """One mailbox, logged in to."""

    def names(self) -> list[str]:
        """The messages that wait, in order."""
        ...

    def fetch(self, name: str) -> bytes:
        """A message as it arrived, the first megabyte of it."""
        ...

    def forget(self, name: str) -> None:
        """Delete a message, or mark it as read."""
        ...

    def close(self) -> None:
        """Make that final, and leave."""
        ...


@contextmanager
def open_server(account: MailAccount) -> Iterator[MailServer]:
    """A mailbox, logged in over a connection that is encrypted and whose server is who it says. Raises ServerTrouble.

    What was forgotten is gone when this ends, also by an error of somebody else's.
    """
    try:
        opened: Imap | Pop3 = Pop3(account) if account.protocol == MailAccount.Protocol.POP3 else Imap(account)
    except TROUBLE as error:
        raise ServerTrouble(_words(error)) from error
    try:
        opened.log_in(account)
        yield opened
    except TROUBLE as error:
        raise ServerTrouble(_words(error)) from error
    finally:
        # what could not be deleted comes again, and changes nothing
        with suppress(*TROUBLE):
            opened.close()


TROUBLE = (OSError, EOFError, imaplib.IMAP4.error, poplib.error_proto, ValueError)


class Imap:
    def __init__(self, account: MailAccount) -> None:
        self._keeps = account.keeps_messages
        place: dict[str, Any] = {"host": account.host, "port": account.port, "timeout": TIMEOUT_SECONDS}
        is_tls = account.security == MailAccount.Security.TLS
        self._session: imaplib.IMAP4 = (
            imaplib.IMAP4_SSL(**place, ssl_context=ssl.create_default_context()) if is_tls else imaplib.IMAP4(**place)
        )

    def log_in(self, account: MailAccount) -> None:
        if account.security == MailAccount.Security.STARTTLS:
            self._session.starttls(ssl.create_default_context())
        self._session.login(account.username, account.password)
        _expect(self._session.select(_quoted(account.folder)))

    def names(self) -> list[str]:
        found = _expect(self._session.uid("SEARCH", "UNDELETED UNSEEN" if self._keeps else "UNDELETED"))
        return (found[0] or b"").decode("ascii").split()

    def fetch(self, name: str) -> bytes:
        # without marking it as read: that is for `forget`
        answer = _expect(self._session.uid("FETCH", name, f"(BODY.PEEK[]<0.{MAX_BYTES}>)"))
        found = next((part[1] for part in answer if isinstance(part, tuple)), None)
        if found is None:
            raise ServerTrouble(f"The server does not give message {name}.")
        return bytes(found)

    def forget(self, name: str) -> None:
        _expect(self._session.uid("STORE", name, "+FLAGS.SILENT", r"(\Seen)" if self._keeps else r"(\Deleted)"))

    def close(self) -> None:
        try:
            if self._session.state == "SELECTED" and not self._keeps:
                self._session.expunge()
            self._session.logout()
        finally:
            self._session.shutdown()


class Pop3:
    def __init__(self, account: MailAccount) -> None:
        place: dict[str, Any] = {"host": account.host, "port": account.port, "timeout": TIMEOUT_SECONDS}
        is_tls = account.security == MailAccount.Security.TLS
        self._session: poplib.POP3 = (
            poplib.POP3_SSL(**place, context=ssl.create_default_context()) if is_tls else poplib.POP3(**place)
        )
        self._sizes: dict[str, int] = {}

    def log_in(self, account: MailAccount) -> None:
        if account.security == MailAccount.Security.STARTTLS:
            self._session.stls(ssl.create_default_context())
        self._session.user(account.username)
        self._session.pass_(account.password)

    def names(self) -> list[str]:
        for line in self._session.list()[1]:
            number, _, size = line.decode("ascii").partition(" ")
            self._sizes[number] = int(size)
        return list(self._sizes)

    def fetch(self, name: str) -> bytes:
        is_large = self._sizes.get(name, 0) > MAX_BYTES
        lines = (self._session.top(int(name), TOP_LINES) if is_large else self._session.retr(int(name)))[1]
        return b"\r\n".join(lines)[:MAX_BYTES]

    def forget(self, name: str) -> None:
        self._session.dele(int(name))

    def close(self) -> None:
        try:
            # what was deleted goes when the session ends properly, and not before
            self._session.quit()
        finally:
            self._session.close()


def _expect(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        said = data[0].decode(errors="replace") if data and isinstance(data[0], bytes) else status
        raise ServerTrouble(f"The server says: {said[:200]}")
    return data


def _quoted(folder: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", folder)
    return f'"{escaped}"'


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server is not who it says it is: {error.verify_message}."
    if isinstance(error, TimeoutError):
        return "The server does not answer in time."
    if error.args and isinstance(error.args[0], bytes):
        return f"The server says: {error.args[0].decode(errors='replace')[:200]}"
    return f"The server cannot be used: {' '.join(str(error).split())[:200] or type(error).__name__}"
