"""Turns MJML into HTML, and says what is wrong with MJML in the places where the user wrote it.

The MJML compiler sees only the skeleton of the document: what stands inside `<mj-text>` and its like, and every merge
tag, is hidden from it and comes back unchanged. So it cannot break them, and they cannot break it.
"""

from __future__ import annotations

import re

from mjml import mjml2html

from campaigns.content.mjml_check import ENDING_TAGS, check_mjml
from campaigns.content.problems import Problem, problem_at
from campaigns.content.scan import Shield, blank

__all__ = ["MjmlInvalid", "check_mjml", "compile_mjml", "outside_icons", "rules_to_inline"]

_CONTENT = re.compile(
    rf"<!--.*?-->|<(?P<tag>{'|'.join(ENDING_TAGS)})(?=[\s>])(?:[^>\"']|\"[^\"]*\"|'[^']*')*(?<!/)>(?P<inner>.*?)</(?P=tag)\s*>",
    re.S,
)
_TAG = re.compile(r"<!--.*?-->|<[a-zA-Z/](?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.S)
_POSITION = re.compile(r" at position (\d+):\d+$")
_INLINE_STYLE = re.compile(r"<mj-style\b[^>]*\binline\s*=\s*[\"']inline[\"'][^>]*>(.*?)</mj-style\s*>", re.S)
_OUTSIDE_ICONS = "https://i.imgur.com/"


class MjmlInvalid(ValueError):
    """The document is not MJML; `problem` says where and what to do."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def rules_to_inline(source: str) -> str:
    """The rules that the document asks, with `<mj-style inline="inline">`, to be copied into its elements."""
    return "\n".join(_INLINE_STYLE.findall(source))


def compile_mjml(source: str, *, icon_origin: str = "") -> str:
    """The HTML of an MJML document, merge tags untouched. About 25 ms for a long newsletter.

    icon_origin: where the pictures of `<mj-social-element>` are, ending in "/".
    Nothing is fetched: no fonts but those that the user names, no includes.
    Raises MjmlInvalid with the place in `source`.
    """
    shield = Shield(source)
    skeleton = _skeleton(_INLINE_STYLE.sub(_same_lines, source), shield)
    try:
        html = mjml2html(skeleton, fonts={}, social_icon_origin=icon_origin or None)
    except ValueError as error:
        raise MjmlInvalid(_problem(str(error), source, skeleton, shield)) from error
    html = re.sub(rf"<!--({shield.pattern.pattern})-->", r"\1", html)
    return shield.restore(html)


def outside_icons(html: str) -> bool:
    """True when the compiler put in pictures from an outside host (accordions and carousels have them by default)."""
    return _OUTSIDE_ICONS in html


def _same_lines(match: re.Match[str]) -> str:
    """A comment of the same length in place of what is taken out: the compiler's positions stay true."""
    blanked = re.sub(r"[^\n]", " ", match[0])
    return f"<!--{blanked[7:]}-->"


def _skeleton(source: str, shield: Shield) -> str:
    """The document with contents and merge tags hidden; in text as comments, which may stand between any elements."""
    flat = blank(source)
    pieces, position = [], 0
    for match in _CONTENT.finditer(flat):
        if not match["tag"]:
            continue
        begin, end = match.span("inner")
        pieces.append(_hide_structure(source[position:begin], shield))
        pieces.append(shield.hide(source[begin:end]) if source[begin:end].strip() else "")
        position = end
    pieces.append(_hide_structure(source[position:], shield))
    return "".join(pieces)


def _hide_structure(part: str, shield: Shield) -> str:
    """`part` with merge tags hidden: bare in tags and comments, as comments of their own elsewhere."""
    hidden = shield.hide_all(part)
    pieces, position = [], 0
    for tag in _TAG.finditer(hidden):
        pieces += [shield.pattern.sub(r"<!--\g<0>-->", hidden[position : tag.start()]), tag[0]]
        position = tag.end()
    pieces.append(shield.pattern.sub(r"<!--\g<0>-->", hidden[position:]))
    return "".join(pieces)


def _problem(message: str, source: str, skeleton: str, shield: Shield) -> Problem:
    """The compiler's complaint at its place in the user's source, where it names one."""
    index = 0
    if match := _POSITION.search(message):
        before = skeleton.encode()[: int(match[1])].decode(errors="ignore")
        index = len(shield.restore(before.replace("<!--", "").replace("-->", "")))
        index += len(source[index:]) - len(source[index:].lstrip())
        message = message[: match.start()]
    words = message.replace(" in root template", "")
    return problem_at("error", "mjml", f"this is not valid MJML: {words}", "body", source, index)
