"""Finds Liquid constructs in any text, and hides them from tools that would break them.

MJML and CSS tools read a document as markup: they move `{% for %}` out of tables and escape quotes inside merge tags.
They get a document in which each construct is one word of letters and digits; `Shield.restore` puts them back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

# The same four shapes, in the same order of precedence, as the lexer of python-liquid.
_CONSTRUCT = re.compile(
    r"(?P<raw>\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\})"
    r"|(?P<output>\{\{.*?\}\})"
    r"|(?P<tag>\{%-?\s*(?P<name>#|\w+)(?P<arguments>.*?)-?%\})"
    r"|(?P<open>\{\{|\{%)",
    re.DOTALL,
)

Kind = Literal["raw", "output", "tag", "comment", "open"]


@dataclass(frozen=True, slots=True)
class Construct:
    """One Liquid construct. `open` is a "{{" or "{%" that is never closed. A comment reaches to its endcomment."""

    kind: Kind
    start: int
    end: int
    text: str
    name: str = ""


def scan(source: str) -> Iterator[Construct]:
    """The Liquid constructs of `source` in order; what is inside a raw block or a comment is part of it."""
    position = 0
    while match := _CONSTRUCT.search(source, position):
        construct = _construct(match, source)
        yield construct
        position = construct.end


def _construct(match: re.Match[str], source: str) -> Construct:
    start, end = match.span()
    name = match["name"] or ""
    if name == "comment":
        end = _end_of_comment(source, end)
        return Construct("comment", start, end, source[start:end], name)
    kinds: tuple[Kind, ...] = ("raw", "output", "tag")
    for kind in kinds:
        if match[kind] is not None:
            return Construct(kind, start, end, match[0], name)
    return Construct("open", start, end, match[0])


def _end_of_comment(source: str, position: int) -> int:
    """Comments nest, and an unclosed one is left for the parser to report: it ends with its opening tag here."""
    depth, after_open = 1, position
    while match := _CONSTRUCT.search(source, position):
        position = match.end()
        depth += {"comment": 1, "endcomment": -1}.get(match["name"] or "", 0)
        if depth == 0:
            return position
    return after_open


def blank(source: str, filler: str = "x") -> str:
    """`source` at the same length and with the same line breaks, with every construct overwritten by `filler`."""
    pieces, position = [], 0
    for construct in scan(source):
        pieces.append(source[position : construct.start])
        pieces.append(re.sub(r"[^\n]", filler, construct.text))
        position = construct.end
    pieces.append(source[position:])
    return "".join(pieces)


class Shield:
    """Words that stand for hidden texts while a markup tool is at work.

    A word is lower case and alphanumeric, so that it is a valid text, attribute, attribute value and CSS identifier,
    and it does not occur in `document`.
    """

    def __init__(self, document: str) -> None:
        salt = crc32(document.encode())
        while (prefix := f"lq{salt:08x}n") in document:
            salt = (salt + 1) & 0xFFFFFFFF
        self._prefix = prefix
        self._hidden: list[str] = []
        self.pattern = re.compile(prefix + r"(\d+)z")

    def hide(self, text: str) -> str:
        """A word that stands for `text`."""
        self._hidden.append(text)
        return f"{self._prefix}{len(self._hidden) - 1}z"

    def hide_all(self, source: str) -> str:
        """`source` with every Liquid construct hidden; Liquid comments are dropped for good."""
        pieces, position = [], 0
        for construct in scan(source):
            pieces.append(source[position : construct.start])
            if construct.kind != "comment":
                pieces.append(self.hide(construct.text))
            position = construct.end
        pieces.append(source[position:])
        return "".join(pieces)

    def restore(self, text: str) -> str:
        """`text` with every word replaced by what it stands for."""
        return self.pattern.sub(lambda match: self._hidden[int(match[1])], text)

    def words(self, text: str) -> list[str]:
        """What the words in `text` stand for, in order of appearance."""
        return [self._hidden[int(number)] for number in self.pattern.findall(text)]
