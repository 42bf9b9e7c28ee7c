"""Blocks of "Name: value" lines, as delivery status and feedback reports have them, and addresses in them."""

from __future__ import annotations

import re

Fields = dict[str, str]

MAX_BLOCKS = 500
_MAX_VALUE = 4_000
_FIELD = re.compile(r"[ \t]{0,8}([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:(.*)")
# bounded everywhere: a text of nothing but dots must not take longer than one of words
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}(?![\w@])")


def blocks_of(text: str) -> list[Fields]:
    """The blocks of a text, names in small letters, the first of equal names kept; folded lines joined."""
    blocks: list[Fields] = [{}]
    name = ""
    for line in text.split("\n"):
        if not line.strip():
            if blocks[-1] and len(blocks) < MAX_BLOCKS:
                blocks.append({})
            name = ""
        elif name and line[0] in " \t":
            blocks[-1][name] = f"{blocks[-1][name]} {line.strip()}"[:_MAX_VALUE]
        else:
            name = _take(line, blocks[-1])
    return [block for block in blocks if block]


def _take(line: str, block: Fields) -> str:
    """Put one line into a block; the name that a folded line would go on with, "" for none."""
    found = _FIELD.fullmatch(line.rstrip())
    if found is None:
        return ""
    name = found[1].lower()
    if name in block:
        return ""
    block[name] = found[2].strip()[:_MAX_VALUE]
    return name


def addresses_in(text: str) -> list[str]:
    """E-mail addresses of a text in their order, each once, at most 100."""
    found: dict[str, str] = {}
    for match in _ADDRESS.finditer(text):
        address = match[0].strip(".'`*=/").removeprefix("mailto:")
        if not address.startswith("@") and len(found) < 100:
            found.setdefault(address.lower(), address)
    return list(found.values())


def address_of(value: str) -> str:
    """The address of a field such as "rfc822; <a@b.example>"; a bare name as it stands, "" for none."""
    found = addresses_in(value)
    if found:
        return found[0]
    _, _, last = value.rpartition(";")
    bare = last.strip(" <>\"'\t")
    return bare if re.fullmatch(r"[\w.+-]{1,64}", bare) else ""
