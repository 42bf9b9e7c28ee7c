"""Finds the links of a message, checks them, and leads them through the click counter."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from campaigns.content.merge_tags import UNSUBSCRIBE, VIEW
from campaigns.content.problems import Part, Problem, problem_at
from campaigns.content.scan import Shield, blank, scan
from campaigns.content.source import Link

MAX_LABEL = 80

# Comments are passed over, but not Outlook's conditional ones: their links are live. "<!-->" is a whole comment.
_COMMENT = r"<!--(?!\[if)(?:-?>|.*?-->)"
_ATTRIBUTES = r"(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)"
_LINK_TAG = re.compile(rf"{_COMMENT}|<(?P<tag>a|area|v:roundrect|v:rect)(?=[\s/>]){_ATTRIBUTES}>", re.I | re.S)
_ANY_TAG = re.compile(rf"{_COMMENT}|<(?P<tag>[a-z][\w:-]*){_ATTRIBUTES}>", re.I | re.S)
_HREF = re.compile(r"""(?<![\w:-])href\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+))""", re.I)
_TEXT_URL = re.compile(r"https?://[^\s<>\"]+", re.I)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BARE_VALUE = re.compile(r"=\s*([^\s\"'>\x01]*\0[^\s>\x01]*)")
_SPACE = re.compile(r"[\x00-\x20]+")
_OUTPUT_ROOT = re.compile(r"\{\{-?\s*(\w+)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_UNTRACKED = ("mailto:", "tel:", "sms:")
_DANGEROUS = ("javascript:", "data:", "vbscript:", "file:", "blob:")


@dataclass(slots=True)
class LinkTable:
    """Numbers the links of one message, from `first`; one number for each target, however often it occurs."""

    first: int = 1
    track_dynamic: bool = True
    _links: dict[str, Link] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links.values())

    def door(self, url: str, label: str) -> str:
        """The tracked address of `url`, or `url` itself when it is not to be tracked."""
        if not is_tracked(url) or (not self.track_dynamic and any(scan(url))):
            return url
        known = self._links.get(url)
        if known is None or (not known.label and label):
            number = known.number if known else self.first + len(self._links)
            self._links[url] = known = Link(number, url, label[:MAX_LABEL])
        return f"{{{{ _click }}}}/{known.number}"


def is_tracked(url: str) -> bool:
    """False for mail and phone links, anchors, and the links that must keep their own address."""
    bare = _SPACE.sub("", url).lower()
    if not bare or bare.startswith(("#", *_UNTRACKED)):
        return False
    return not any(_root(construct.text) in (UNSUBSCRIBE, VIEW) for construct in scan(url))


def _root(construct: str) -> str:
    match = _OUTPUT_ROOT.match(construct)
    return match[1] if match else ""


def track_html(document: str, table: LinkTable) -> str:
    """`document` with every link led through `table`."""
    shield = Shield(document)
    hidden = shield.hide_all(document)

    def rewrite(match: re.Match[str]) -> str:
        if not match["tag"]:
            return match[0]
        label = shield.restore(_label(hidden, match))
        return _HREF.sub(lambda href: _rewrite_href(href, label, table, shield), match[0], count=1)

    return shield.restore(_LINK_TAG.sub(rewrite, hidden))


def _rewrite_href(href: re.Match[str], label: str, table: LinkTable, shield: Shield) -> str:
    url = shield.restore(html.unescape(_value(href))).strip()
    door = table.door(url, label)
    return href[0] if door == url else f'href="{door}"'


def _label(document: str, tag: re.Match[str]) -> str:
    """The words between `<a …>` and `</a>`, or the alternative text of the picture there."""
    if tag["tag"].lower() != "a":
        return ""
    end = document.find("</a", tag.end())
    inner = document[tag.end() : end if end >= 0 else tag.end()]
    words = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inner)).split())
    if words:
        return words
    alt = re.search(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", inner, re.I)
    return html.unescape(alt[1] or alt[2] or "") if alt else ""


def track_text(text: str, table: LinkTable) -> str:
    """A user's own plain text with its written-out addresses led through `table`."""
    shield = Shield(text)
    hidden = shield.hide_all(text)

    def rewrite(match: re.Match[str]) -> str:
        url = match[0].rstrip(".,;:!?)]}'")
        return table.door(shield.restore(url), "") + match[0][len(url) :]

    return shield.restore(_TEXT_URL.sub(rewrite, hidden))


def check_links(source: str, part: Part) -> Iterator[Problem]:
    """Errors for links that cannot work or do harm, and for merge tags in attributes without quotes.

    source: HTML or MJML; every tag with an href counts.
    """
    flat = blank(source, "\0")
    for tag in _ANY_TAG.finditer(flat):
        if not tag["tag"]:
            continue
        start = tag.start("attributes")
        for bare in _BARE_VALUE.finditer(_QUOTED.sub(_mask, tag["attributes"])):
            begin, end = (start + offset for offset in bare.span(1))
            if "{{" in source[begin:end]:
                message = f"put quotes around {source[begin:end]}: a value with a space in it would break the tag"
                yield problem_at("error", "unquoted-merge-tag", message, part, source, begin)
        if tag["tag"] == "mj-navbar-link" and "base-url" in flat:
            continue  # its address is completed by the compiler
        href = _HREF.search(tag["attributes"])
        if href:
            group = next(name for name in ("double", "single", "bare") if href[name] is not None)
            begin, end = (start + offset for offset in href.span(group))
            yield from _check_url(source[begin:end], part, source, begin)


def comment_spans(source: str) -> list[tuple[int, int]]:
    """Where the HTML comments that no mail program shows begin and end."""
    return [match.span() for match in re.finditer(_COMMENT, blank(source, "x"), re.S)]


def _mask(match: re.Match[str]) -> str:
    return "\x01" * len(match[0])


def _value(href: re.Match[str]) -> str:
    return next(value for value in (href["double"], href["single"], href["bare"]) if value is not None)


def _check_url(written: str, part: Part, source: str, index: int) -> Iterator[Problem]:
    url = _SPACE.sub("", html.unescape(written)).lower()
    if url.startswith(_DANGEROUS):
        message = (
            f"links that begin with {url.partition(':')[0]}: are refused: mailbox providers treat them as an attack"
        )
        yield problem_at("error", "dangerous-link", message, part, source, index)
    elif not url:
        yield problem_at("warning", "empty-link", "this link leads nowhere: its address is empty", part, source, index)
    elif not url.startswith(("#", "{{", "{%")) and not _SCHEME.match(url):
        message = f'the link "{written.strip()}" has no https:// in front: it would lead nowhere from a mailbox'
        yield problem_at("error", "relative-link", message, part, source, index)
