"""Makes the plain-text part from the HTML: readable text, "Buy now (https://…)", merge tags kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from campaigns.content.scan import Shield

_SKIPPED = {"head", "style", "script", "title", "noscript", "template", "svg"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_BLOCKS = {"div", "section", "article", "header", "footer", "main", "tr", "dl", "dt", "dd", "address", "center", "form"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre"}
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.I)
_COMMENT = re.compile(r"<!--(?:-?>|.*?-->)|<!\[[^>]*>", re.S)
_CELL = "\x1f"  # the border between two cells of a row
_LINE = "\x1e"  # a new line, unless one has begun already
_RULE = "-" * 40
_END_TAG = re.compile(r"\{%-?\s*end")


def plain_text(document: str) -> str:
    """The words of `document`, with links in brackets after their labels. Lines are not wrapped: that is the reader's.

    document: HTML with Liquid; its constructs stay where they are between the words.
    """
    shield = Shield(document)
    writer = _Writer()
    writer.feed(_COMMENT.sub("", shield.hide_all(document)))
    writer.close()
    return shield.restore(_tidy("".join(writer.out), shield))


@dataclass(slots=True)
class _List:
    ordered: bool
    count: int = 0


@dataclass(slots=True)
class _Anchor:
    href: str
    start: int


@dataclass(slots=True)
class _State:
    hidden: list[str] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    anchors: list[_Anchor] = field(default_factory=list)
    cells: list[bool] = field(default_factory=list)  # for each open cell: does it hold blocks, as in layout tables?


class _Writer(HTMLParser):
    """Collects text in `out`, with "\\n" for a line that the author broke and "\\n\\n" for a new paragraph."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.state = _State()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if self.state.hidden:
            if tag not in _VOID and tag == self.state.hidden[0]:
                self.state.hidden.append(tag)
            return
        if tag not in _VOID and (
            tag in _SKIPPED or "hidden" in attributes or _HIDDEN.search(attributes.get("style", ""))
        ):
            self.state.hidden.append(tag)
            return
        self._open(tag, attributes)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        self._break(tag)
        if tag == "br":
            self.out.append("\n")
        elif tag == "hr":
            self.out.append(f"{_LINE}{_RULE}{_LINE}")
        elif tag == "img":
            self.out.append(" ".join(attributes.get("alt", "").split()))
        elif tag == "a":
            self.state.anchors.append(_Anchor(attributes.get("href", "").strip(), len(self.out)))
        elif tag in ("ul", "ol"):
            self.state.lists.append(_List(tag == "ol"))
        elif tag == "li":
            self.out.append(f"{_LINE}{self._bullet()}")
        elif tag in ("td", "th"):
            self.state.cells.append(False)

    def handle_endtag(self, tag: str) -> None:
        if self.state.hidden:
            if tag == self.state.hidden[0]:
                self.state.hidden.pop()
            return
        if tag == "a" and self.state.anchors:
            self._close_anchor(self.state.anchors.pop())
        elif tag in ("ul", "ol") and self.state.lists:
            self.state.lists.pop()
        elif tag in ("td", "th"):
            holds_blocks = self.state.cells.pop() if self.state.cells else False
            self.out.append("\n\n" if holds_blocks else _CELL)
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self.state.hidden:
            self.out.append(re.sub(r"[ \t\r\n\f]+", " ", data))

    def _break(self, tag: str) -> None:
        if tag not in _PARAGRAPHS and tag not in _BLOCKS:
            return
        self.out.append("\n\n" if tag in _PARAGRAPHS else _LINE)
        if self.state.cells and tag != "tr":
            self.state.cells[-1] = True

    def _bullet(self) -> str:
        if not self.state.lists or not self.state.lists[-1].ordered:
            return "- "
        self.state.lists[-1].count += 1
        return f"{self.state.lists[-1].count}. "

    def _close_anchor(self, anchor: _Anchor) -> None:
        """A label that says the address already needs no brackets; a link without words is its address."""
        label = " ".join("".join(self.out[anchor.start :]).replace(_CELL, " ").split())
        address = re.sub(r"^(mailto|tel|sms):", "", anchor.href, flags=re.I).partition("?")[0]
        if not anchor.href or anchor.href.startswith("#") or label in (anchor.href, address):
            return
        self.out.append(f" ({anchor.href})" if label else anchor.href)


def _line_break(run: re.Match[str]) -> str:
    """One line break or one empty line, for a run of breaks and blanks."""
    return "\n\n" if run[0].count("\n") > 1 else "\n"


def _tidy(text: str, shield: Shield) -> str:
    """One space between words, at most one empty line, cells of a row apart, no line for a lone `{% tag %}`."""
    text = text.replace("\u00a0", " ")
    text = re.sub(rf"(?:[ {_CELL}]*[\n{_LINE}])+[ {_CELL}]*", _line_break, text)
    tidy = re.sub(rf"[ ]*{_CELL}[ {_CELL}]*", "  ", re.sub(" +", " ", text)).strip("\n ")
    word = shield.pattern.pattern

    def join_next(match: re.Match[str]) -> str:
        """A line of tags alone would render as an empty line; after the end of a block, a paragraph still ends."""
        tags = shield.words(match[1])
        if not all(tag.startswith("{%") for tag in tags):
            return match[0]
        return match[1] + (match["breaks"][1:] if _END_TAG.match(tags[-1]) else "")

    return re.sub(rf"^((?:{word} ?)+)(?P<breaks>\n+)", join_next, tidy, flags=re.M) + "\n"
