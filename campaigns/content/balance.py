"""Checks that tags are known, closed and in order, before the parser sees them: its own message names no place."""

from __future__ import annotations

from difflib import get_close_matches

from campaigns.content.environment import ALLOWED_TAGS, BLOCK_TAGS
from campaigns.content.errors import LiquidInvalid
from campaigns.content.scan import Construct, scan

BLOCK_PARTS = {part: name for name, parts in BLOCK_TAGS.items() for part in parts}
"""The parts of blocks, each with one of the blocks that it may stand in."""
_ENDS = {f"end{name}": name for name in (*BLOCK_TAGS, "comment", "raw")}


def check_balance(source: str) -> None:
    """Raise LiquidInvalid at the first tag that is unknown, unclosed, closed twice or out of place."""
    open_blocks: list[Construct] = []
    for construct in scan(source):
        if construct.kind == "open" or (construct.kind in ("output", "tag") and _swallows(construct.text)):
            opening, closing = construct.text[:2], "}}" if construct.text.startswith("{{") else "%}"
            raise LiquidInvalid(f'"{opening}" is never closed: add "{closing}"', source, construct.start)
        if construct.kind == "tag":
            _check_tag(construct, open_blocks, source)
        elif construct.kind == "comment" and not construct.text.rstrip("-%} ").endswith("endcomment"):
            _fail("the tag {% comment %} is never closed: add {% endcomment %}", construct, source)
    if open_blocks:
        name = open_blocks[-1].name
        _fail(f"the tag {{% {name} %}} is never closed: add {{% end{name} %}}", open_blocks[-1], source)


def _swallows(text: str) -> bool:
    """True when another construct begins inside: the end that was found is not this one's."""
    return "{{" in text[2:] or "{%" in text[2:]


def _check_tag(tag: Construct, open_blocks: list[Construct], source: str) -> None:
    innermost = open_blocks[-1].name if open_blocks else ""
    if tag.name in BLOCK_TAGS:
        open_blocks.append(tag)
    elif tag.name in BLOCK_PARTS:
        if tag.name not in BLOCK_TAGS.get(innermost, ()):
            owners = " or ".join(f"{{% {name} %}}" for name, parts in BLOCK_TAGS.items() if tag.name in parts)
            _fail(f"{{% {tag.name} %}} stands outside {owners}", tag, source)
    elif tag.name in _ENDS:
        _close(tag, open_blocks, innermost, source)
    elif tag.name in ("break", "continue"):
        if all(block.name != "for" for block in open_blocks):
            _fail(f"{{% {tag.name} %}} stands outside {{% for %}}", tag, source)
    elif tag.name == "raw":
        _fail("the tag {% raw %} is never closed: add {% endraw %}", tag, source)
    else:
        _fail(_unknown(tag.name), tag, source)


def _close(tag: Construct, open_blocks: list[Construct], innermost: str, source: str) -> None:
    wanted = _ENDS[tag.name]
    if innermost != wanted:
        inside = f"{{% {innermost} %}} is still open: close it first" if innermost else "nothing is open here"
        _fail(f"{{% {tag.name} %}} has no {{% {wanted} %}}: {inside}", tag, source)
    open_blocks.pop()


def _unknown(name: str) -> str:
    known = [*ALLOWED_TAGS, *BLOCK_PARTS, *_ENDS]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {{% {close[0]} %}}?" if close else f"these tags exist: {', '.join(ALLOWED_TAGS)}"
    return f"unknown tag {{% {name} %}}: {hint}"


def _fail(message: str, construct: Construct, source: str) -> None:
    raise LiquidInvalid(message, source, construct.start)
