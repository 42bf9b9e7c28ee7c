"""Quoted-printable (RFC 2045 section 6.7) for message bodies, in pieces that can be joined.

Every piece starts at the beginning of a line. No line is longer than 76 characters, and none begins with a dot, so the
result needs no dot-stuffing for SMTP and survives relays that get stuffing wrong.
"""

from __future__ import annotations

import re

LINE_LENGTH = 76
SOFT_BREAK = b"=\r\n"

_ROOM = LINE_LENGTH - 1  # the "=" of a soft break needs the last place
_TABLE = [f"={byte:02X}" for byte in range(256)]
for _byte in (9, *range(32, 61), *range(62, 127)):
    _TABLE[_byte] = chr(_byte)
_LINE_BREAK = re.compile("\r\n|\r|\n")
# One line of text that is its own encoding, whatever stands after it.
_is_short_and_plain = re.compile(r"(?!\.)[ !-<>-~]{0,75}").fullmatch
# The same for every kind of text: nothing in it is escaped in HTML either.
is_plain_value = re.compile(r"(?!\.)[ !#-%(-;?-~]{0,75}").fullmatch
_is_plain = re.compile(r"[ !-<>-~]*").fullmatch


def encode_value(text: str) -> bytes:
    """Encode text that begins on a new line and is followed by a soft break, which the caller adds.

    Line breaks of any kind become CRLF.
    """
    if _is_short_and_plain(text):
        return text.encode("ascii")
    lines = _LINE_BREAK.split(text)
    last = _fold(_escape(lines.pop()))
    return "".join([*(f"{_fold(_guard_end(_escape(line)))}\r\n" for line in lines), last]).encode("ascii")


def encode_static(text: str) -> bytes:
    """Encode text that begins on a new line; it ends with a line break, or with a soft break where it had none.

    So what follows begins on a new line again, and the text is not changed by that.
    """
    encoded = encode_value(text)
    return encoded if not encoded or encoded.endswith(b"\n") else encoded + SOFT_BREAK


def _escape(line: str) -> str:
    if _is_plain(line):
        return line
    return "".join(map(_TABLE.__getitem__, line.encode("utf-8", "replace")))


def _guard_end(line: str) -> str:
    """White space at the end of a line is encoded: relays strip it."""
    return f"{line[:-1]}={ord(line[-1]):02X}" if line.endswith((" ", "\t")) else line


def _fold(line: str) -> str:
    """Break an encoded line softly, never inside "=XX", with dots at line starts encoded."""
    if len(line) <= _ROOM and not line.startswith("."):
        return line
    pieces = []
    while line:
        if line.startswith("."):
            line = f"=2E{line[1:]}"
        end = len(line) if len(line) <= _ROOM else _cut(line)
        pieces.append(line[:end])
        line = line[end:]
    return "=\r\n".join(pieces)


def _cut(line: str) -> int:
    """The last place at or before the room's end that is not inside "=XX"."""
    if line[_ROOM - 1] == "=":
        return _ROOM - 1
    if line[_ROOM - 2] == "=":
        return _ROOM - 2
    return _ROOM
