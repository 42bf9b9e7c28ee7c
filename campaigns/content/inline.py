"""Copies the rules of style sheets into style attributes: many mail programs read nothing else.

The inliner parses and writes HTML anew, which moves loops out of tables and drops what it does not know. So only its
results are taken, the style of each element, and written into the document as the user made it.
"""

from __future__ import annotations

import re

from css_inline import CSSInliner, InlineError

from campaigns.content.scan import Shield

_HAS_STYLE = re.compile(r"<style\b", re.I)
_ATTRIBUTES = r"(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)"
_START_TAG = re.compile(
    rf"<!--(?:-?>|.*?-->)|<(?P<raw>style|script|title|textarea|xmp)\b.*?</(?P=raw)\s*>|<(?P<name>[a-z][\w:-]*){_ATTRIBUTES}>",
    re.I | re.S,
)
_STYLE = re.compile(r"""(?<![\w:-])style\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'>]+))""", re.I)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


class InlineFailed(ValueError):
    """The style sheets could not be read; send the document as it is and say so."""


def inline_css(document: str, css: str = "") -> tuple[str, list[str]]:
    """`document` with the rules of its `<style>` blocks in the style attributes; everything else stays as it was.

    css: rules to copy in place of those of the `<style>` blocks.
    Also returns the start tags that were left alone because `{% … %}` stands among their attributes or in their style.
    A document without style sheets comes back unchanged. Raises InlineFailed.
    """
    if not css and not _HAS_STYLE.search(document):
        return document, []
    shield = Shield(document + css)
    hidden = shield.hide_all(document)
    inliner = _inliner(shield.hide_all(css))
    marker = shield.hide("")
    styles = _styles(inliner, _mark(hidden, marker, shield), marker)
    skipped: list[str] = []
    pieces, position = [], 0
    for number, tag in enumerate(_START_TAG.finditer(hidden)):
        style = styles.get(str(number))
        if style is None or not tag["name"]:
            continue
        if _is_conditional(tag["attributes"], style, shield):
            skipped.append(shield.restore(tag[0]))
            continue
        pieces += [hidden[position : tag.start("attributes")], _with_style(tag["attributes"], style)]
        position = tag.end("attributes")
    return shield.restore("".join([*pieces, hidden[position:]])), skipped


def _inliner(rules: str) -> CSSInliner:
    """Remote sheets are never fetched: the address is the user's, the request would come from inside our network."""
    return CSSInliner(inline_style_tags=not rules, extra_css=rules or None, load_remote_stylesheets=False)


def _mark(hidden: str, marker: str, shield: Shield) -> str:
    """`hidden` with a number on every start tag. Words in tables may be moved about: only styles are read back."""
    counter = iter(range(len(hidden)))

    def number(match: re.Match[str]) -> str:
        count = next(counter)
        if not match["name"]:
            return match[0]
        return f'<{match["name"]} {marker}="{count}"{_set_apart(match["attributes"], shield)}>'

    return _START_TAG.sub(number, hidden)


def _set_apart(attributes: str, shield: Shield) -> str:
    """Spaces around words among the attributes, so that `{% if x %}class="a"` has a class for the inliner."""
    pieces = re.split(rf"({_QUOTED.pattern})", attributes)
    pieces[::2] = [shield.pattern.sub(r" \g<0> ", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _styles(inliner: CSSInliner, marked: str, marker: str) -> dict[str, str]:
    """What the inliner gives each numbered element; elements without a style attribute are left out."""
    try:
        inlined = inliner.inline(marked)
    except InlineError as error:
        raise InlineFailed(str(error)) from error
    styles: dict[str, str] = {}
    for tag in _START_TAG.finditer(inlined):
        mark = re.search(rf'\b{marker}="(\d+)"', tag["attributes"] or "")
        style = _STYLE.search(tag["attributes"] or "")
        if mark and style:
            styles.setdefault(mark[1], style["double"] or style["single"] or "")
    return styles


def _is_conditional(attributes: str, style: str, shield: Shield) -> bool:
    """True when the element's style depends on a condition that the inliner cannot see."""
    if any(construct.startswith("{%") for construct in shield.words(_QUOTED.sub("", attributes))):
        return True
    own = _STYLE.search(attributes)
    words = shield.words(own[0]) if own else []
    return any(construct.startswith("{%") for construct in words) or not set(words) <= set(shield.words(style))


def _with_style(attributes: str, style: str) -> str:
    written = f'style="{style}"'
    own = _STYLE.search(attributes)
    if own:
        return attributes[: own.start()] + written + attributes[own.end() :]
    if attributes.rstrip().endswith("/"):
        return f"{attributes.rstrip()[:-1].rstrip()} {written} /"
    return f"{attributes.rstrip()} {written}"
