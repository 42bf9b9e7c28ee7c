"""Checks the skeleton of an MJML document: the compiler itself ignores unknown tags and rarely names a place."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from campaigns.content.problems import Problem, problem_at
from campaigns.content.scan import blank

ENDING_TAGS = (
    "mj-text",
    "mj-button",
    "mj-table",
    "mj-raw",
    "mj-navbar-link",
    "mj-social-element",
    "mj-accordion-title",
    "mj-accordion-text",
    "mj-title",
    "mj-preview",
    "mj-style",
)
KNOWN_TAGS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-font",
        "mj-section",
        "mj-wrapper",
        "mj-column",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-divider",
        "mj-spacer",
        "mj-social",
        "mj-navbar",
        "mj-accordion",
        "mj-accordion-element",
        "mj-carousel",
        "mj-carousel-image",
    ]
) | set(ENDING_TAGS)

_TAG = re.compile(
    r"<!--.*?-->|<(?P<close>/?)(?P<name>[a-zA-Z][\w:-]*)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|(?P<stray><)",
    re.S,
)
_ATTRIBUTE = re.compile(r"""\s+[\w:.-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'))?(?=[\s/]|$)|\s*/\s*$|\s+$""")


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    index: int


class _Checker:
    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: list[_Open] = []

    def error(self, code: str, message: str, index: int) -> Problem:
        return problem_at("error", code, message, "body", self.source, index)

    def warning(self, code: str, message: str, index: int) -> Problem:
        return problem_at("warning", code, message, "body", self.source, index)

    def run(self) -> Iterator[Problem]:
        flat = blank(self.source)
        start = re.match(r"\s*(?:<!--.*?-->\s*)*", flat, re.S)
        if not flat.startswith("<mjml", start.end() if start else 0):
            yield self.error("mjml", "an MJML document begins with <mjml> and ends with </mjml>", 0)
            return
        position = 0
        while match := _TAG.search(flat, position):
            position = match.end()
            if match["stray"]:
                yield self.error("mjml-stray", 'a lone "<": write &lt; for the character', match.start())
            elif match["close"]:
                yield from self.close(match["name"], match.start())
            elif match["name"]:
                yield from self.open(match)
                position = yield from self.contents(match, flat)
        for still_open in reversed(self.stack):
            yield self.error("mjml-unclosed", f"<{still_open.name}> is never closed", still_open.index)

    def open(self, match: re.Match[str]) -> Iterator[Problem]:
        name, index = match["name"], match.start()
        if name == "mj-include":
            yield self.error("mjml-include", "<mj-include> is not available here: paste the part in", index)
        elif name == "mj-html-attributes":
            yield self.warning("mjml-unknown-tag", "<mj-html-attributes> is not supported: it has no effect", index)
        elif name.startswith("mj") and name not in KNOWN_TAGS:
            close = get_close_matches(name, KNOWN_TAGS, n=1)
            hint = f": did you mean <{close[0]}>?" if close else ""
            yield self.warning("mjml-unknown-tag", f"MJML has no <{name}>, it is ignored{hint}", index)
        elif not name.startswith("mj"):
            message = (
                f"<{name}> stands outside <mj-text> or <mj-raw>: most mail programs will not show it as you expect"
            )
            yield self.warning("mjml-html", message, index)
        yield from self.attributes(match)
        if not match["attributes"].rstrip().endswith("/"):
            self.stack.append(_Open(name, index))

    def attributes(self, match: re.Match[str]) -> Iterator[Problem]:
        text, base, position = match["attributes"], match.start("attributes"), 0
        while position < len(text):
            attribute = _ATTRIBUTE.match(text, position)
            if not attribute:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                written = self.source[base + start : base + len(text)].split()[0]
                message = f'write attributes as name="value": {written} is not one'
                yield self.error("mjml-attribute", message, base + start)
                return
            position = attribute.end()

    def contents(self, match: re.Match[str], flat: str) -> Generator[Problem, None, int]:
        """Where to go on: the contents of ending tags are HTML, which is not looked into."""
        name = match["name"]
        if name not in ENDING_TAGS or match["attributes"].rstrip().endswith("/"):
            return match.end()
        end = re.compile(rf"</{name}\s*>").search(flat, match.end())
        if not end:
            return match.end()
        if re.search(r"<mj-[a-z]", flat[match.end() : end.start()]):
            self.stack.pop()
            yield self.error("mjml-unclosed", f"<{name}> is never closed", match.start())
            return match.end()
        return end.start()

    def close(self, name: str, index: int) -> Iterator[Problem]:
        if self.stack and self.stack[-1].name == name:
            self.stack.pop()
            return
        if all(opened.name != name for opened in self.stack):
            yield self.error("mjml-unopened", f"</{name}> closes a tag that is not open", index)
            return
        while self.stack[-1].name != name:
            unclosed = self.stack.pop()
            yield self.error("mjml-unclosed", f"<{unclosed.name}> is never closed", unclosed.index)
        self.stack.pop()


def check_mjml(source: str) -> Iterator[Problem]:
    """Errors for what the compiler would refuse, warnings for what it would silently drop."""
    yield from _Checker(source).run()
