"""Reading SMTP replies from a stream of bytes, with bounds that a hostile server cannot push."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_LINE_BYTES = 4096
MAX_REPLY_BYTES = 16384
MAX_REPLY_LINES = 128

_CODES = {str(code).encode(): code for code in range(200, 600)}
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?= |$)")
_NUMBERED = re.compile(r"(?<!\w)#([45]\.\d{1,3}\.\d{1,3})(?![\d.])")


class Reply(NamedTuple):
    """One whole reply. text: what followed the code, lines of a multi-line reply joined by newlines."""

    code: int
    text: str


class ReplyParser:
    """Cuts bytes into replies; after `error` is set nothing more is read from this connection.

    Bare LF is taken as a line end (some servers send it); a line without a code, lines of one reply with different
    codes, and anything longer than the limits set `error`.
    """

    __slots__ = ("_code", "_lines", "_rest", "_size", "error")

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self._size = 0
        self.error = ""

    @property
    def is_empty(self) -> bool:
        """True when no part of a reply is waiting for its end."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes, in order; look at `error` afterwards."""
        replies: list[Reply] = []
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            reply, goes_on = _read_line(line) if len(line) <= MAX_LINE_BYTES else (None, False)
            if reply is None:
                self.error = "the server sent something that is not an SMTP reply"
                return replies
            if self._lines or goes_on:
                self._add_line(reply, line)
                if self.error:
                    return replies
                if goes_on:
                    continue
                reply = Reply(reply.code, "\n".join(self._lines))
                self._lines, self._size = [], 0
            replies.append(reply)
        if len(self._rest) > MAX_LINE_BYTES:
            self.error = "the server sent a line without an end"
        return replies

    def _add_line(self, part: Reply, line: bytes) -> None:
        if self._lines and part.code != self._code:
            self.error = "the server mixed two codes in one reply"
        self._code = part.code
        self._size += len(line)
        self._lines.append(part.text)
        if self._size > MAX_REPLY_BYTES or len(self._lines) > MAX_REPLY_LINES:
            self.error = "the server sent a reply without an end"


@lru_cache(maxsize=256)
def _read_line(line: bytes) -> tuple[Reply | None, bool]:
    """One line as a reply, and whether another line of it follows; None when it is not one.

    Remembered: a server answers MAIL, RCPT and DATA with the same words a million times.
    """
    code = _CODES.get(line[:3])
    if code is None or line[3:4] not in b" -\r":
        return None, False
    return Reply(code, line[4:].decode("utf-8", "replace").rstrip("\r")), line[3:4] == b"-"


def enhanced_of(text: str) -> str | None:
    """Return the RFC 3463 status that `text` begins with, or that stands in it as "#5.1.1" (qmail, Cisco), or None."""
    found = _ENHANCED.match(text)
    if found is None and "#" in text:
        found = _NUMBERED.search(text, 0, MAX_LINE_BYTES)
    return found[1] if found else None


def one_line(text: str) -> str:
    """Join the lines of a reply, dropping an enhanced code that each line repeats (sentences run across lines)."""
    if "\n" not in text:
        return text
    enhanced = enhanced_of(text)
    lines = text.split("\n")
    if enhanced is None:
        return " ".join(line.strip() for line in lines)
    rest = (line.removeprefix(enhanced).strip() for line in lines[1:])
    return " ".join([lines[0].strip(), *rest])
