"""The content compiler: source in, problems or frozen content out. Runs once per campaign and variant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import escape

from campaigns.content.errors import LiquidInvalid, RenderFailed
from campaigns.content.inline import InlineFailed, inline_css
from campaigns.content.links import LinkTable, check_links, comment_spans, track_html, track_text
from campaigns.content.liquid import parse, parse_template
from campaigns.content.merge_tags import UNSUBSCRIBE, ContentKind, check_usage
from campaigns.content.mjml import MjmlInvalid, check_mjml, compile_mjml, outside_icons, rules_to_inline
from campaigns.content.plain import plain_text
from campaigns.content.problems import ContentInvalid, Part, Problem, place
from campaigns.content.scan import Shield, scan
from campaigns.content.source import CompiledContent, ContentSource
from campaigns.content.walk import Usage, usage

CLIP_WARNING_BYTES = 90_000
"""Gmail hides what comes after about 102 kB, the unsubscribe link first; merge values need some room."""

_BODY_OPEN = re.compile(r"<body\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.I)
_BODY_CLOSE = re.compile(r"</body\s*>", re.I)
_PIXEL = '<img src="{{ _open }}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
_PREHEADER = (
    '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all;'
    'font-size:1px;line-height:1px">{text}{padding}</div>'
)
# Keeps the first words of the body out of the inbox line when the preheader is short.
_PADDING = "&#847;&zwnj;&nbsp;" * 40
_SKELETON = (
    '<!doctype html>\n<html>\n<head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n<body>\n{body}\n</body>\n</html>\n'
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile.

    attributes: names of the lead attributes that exist; None when that is not known.
    first_link: number of the first tracked link.
    track: lead links through the click counter.
    pixel: put in the open pixel; None does as `track` says.
    icon_origin: where the pictures of social networks are, ending in "/".
    """

    kind: ContentKind = "campaign"
    attributes: Collection[str] | None = None
    first_link: int = 1
    track: bool = True
    icon_origin: str = ""
    pixel: bool | None = None


def compile_content(
    source: ContentSource,
    *,
    kind: ContentKind = "campaign",
    attributes: Collection[str] | None = None,
    first_link: int = 1,
    track: bool = True,
    icon_origin: str = "",
    pixel: bool | None = None,
) -> CompiledContent:
    """Compile what a user wrote into what every message is made of; the arguments are those of `Options`.

    In transactional mail, links with merge tags keep their own address: they often carry a secret.
    Raises ContentInvalid with every problem, errors and warnings.
    """
    options = Options(kind, attributes, first_link, track, icon_origin, pixel)
    problems, content = _compile(source, options)
    if content is None:
        raise ContentInvalid(problems)
    return content


def check_content(
    source: ContentSource,
    *,
    kind: ContentKind = "campaign",
    attributes: Collection[str] | None = None,
    icon_origin: str = "",
) -> tuple[Problem, ...]:
    """Every problem of the content, errors first; empty when there is nothing to say."""
    problems, _ = _compile(source, Options(kind, attributes, icon_origin=icon_origin))
    return problems


def _compile(source: ContentSource, options: Options) -> tuple[tuple[Problem, ...], CompiledContent | None]:
    problems = list(_check(source, options))
    content = None
    if not any(problem.is_error for problem in problems):
        try:
            content = _build(source, options, problems)
        except MjmlInvalid as error:
            problems.append(error.problem)
    problems.sort(key=lambda problem: (not problem.is_error, problem.part, problem.line, problem.column))
    return tuple(problems), content


def _check(source: ContentSource, options: Options) -> Iterator[Problem]:
    yield from _check_subject(source.subject)
    if not source.body.strip():
        yield Problem("error", "empty-body", "the body is empty", "body")
        return
    yield from _check_part(source.subject, "subject", options)
    yield from _check_part(source.preheader, "preheader", options)
    yield from _check_part(source.text, "text", options)
    yield from _check_part(source.body, "body", options)
    if any(construct.kind == "open" for construct in scan(source.body)):
        return  # where a merge tag ends is a guess, so every further place would be one too
    if source.body_format == "mjml":
        yield from check_mjml(source.body)
    yield from check_links(source.body, "body")


def _check_subject(subject: str) -> Iterator[Problem]:
    if not subject.strip():
        yield Problem("error", "empty-subject", "the subject is empty", "subject")
    forbidden = re.search(r"[\x00-\x08\x0a-\x1f\x7f]", subject)
    if forbidden:
        line, column = place(subject, forbidden.start())
        message = "a subject is one line: take out the line break or control character"
        yield Problem("error", "subject-line-break", message, "subject", line, column)


def _check_part(text: str, part: Part, options: Options) -> Iterator[Problem]:
    try:
        found = usage(parse_template(text, html=part == "body"))
    except LiquidInvalid as error:
        yield Problem("error", "liquid", error.message, part, error.line, error.column)
        return
    problems = list(check_usage(found, part, text, options.kind, options.attributes))
    yield from problems
    if not any(problem.is_error for problem in problems):
        yield from _try_without_data(text, part)
    if options.kind == "campaign" and part in ("body", "text") and text.strip():
        yield from _check_unsubscribe(found, part, text)


def _try_without_data(text: str, part: Part) -> Iterator[Problem]:
    """Warnings for merge tags that fail when a lead has none of the data, which would cost that lead the message."""
    for node in parse(text, html=part == "body"):
        if isinstance(node, str):
            continue
        try:
            node.render({})
        except RenderFailed as failure:
            message = f"this fails for a lead without the data, who would get no message: {failure.message}"
            yield Problem("warning", "may-fail", message, part, failure.line, failure.column)


def _check_unsubscribe(found: Usage, part: Part, source: str) -> Iterator[Problem]:
    comments = comment_spans(source) if part == "body" else []
    for name in found.names:
        if name.segments[0] == UNSUBSCRIBE and not any(start <= name.index < end for start, end in comments):
            return
    if part == "body":
        message = 'missing unsubscribe link: add {{ unsubscribe_url }}, for example <a href="{{ unsubscribe_url }}">'
        yield Problem("error", "missing-unsubscribe", f"{message}Unsubscribe</a>", part)
    else:
        message = "the plain text has no unsubscribe link: add {{ unsubscribe_url }}"
        yield Problem("warning", "missing-unsubscribe", message, part)


def _build(source: ContentSource, options: Options, problems: list[Problem]) -> CompiledContent:
    """Warnings found on the way are added to `problems`."""
    table = LinkTable(options.first_link, track_dynamic=options.kind == "campaign")
    document = _document(source, options, problems)
    if options.track:
        document = track_html(document, table)
    text = source.text if source.text.strip() else plain_text(document)
    if options.track and source.text.strip():
        text = track_text(text, table)
    pixel = options.track if options.pixel is None else options.pixel
    document = _furnish(document, source.preheader, pixel=pixel)
    size_bytes = len(document.encode())
    if size_bytes > CLIP_WARNING_BYTES:
        message = (
            f"the HTML has {size_bytes // 1000} kB: Gmail cuts messages off at about 102 kB, with the unsubscribe link"
        )
        problems.append(Problem("warning", "too-large", message, "body"))
    warnings = tuple(problems)
    return CompiledContent(source.subject, document, text, tuple(table), warnings)


def _document(source: ContentSource, options: Options, problems: list[Problem]) -> str:
    """A whole HTML document with style sheets applied."""
    if source.body_format == "mjml":
        document = compile_mjml(source.body, icon_origin=options.icon_origin)
        if outside_icons(document):
            message = "an accordion or carousel shows pictures from an outside host: set its icon addresses"
            problems.append(Problem("warning", "outside-image", message, "body"))
        rules = rules_to_inline(source.body)
        return _apply_styles(document, rules, problems) if rules.strip() else document
    document = source.body if re.search(r"<html\b", source.body, re.I) else _SKELETON.format(body=source.body)
    return _apply_styles(document, "", problems)


def _apply_styles(document: str, rules: str, problems: list[Problem]) -> str:
    try:
        styled, skipped = inline_css(document, rules)
    except InlineFailed as error:
        message = f"the style sheets could not be read, and many mail programs ignore them: {error}"
        problems.append(Problem("warning", "css-not-inlined", message, "body"))
        return document
    for tag in skipped:
        message = f"style sheets are not applied to {tag[:80]}, because of the {{% … %}} in it"
        problems.append(Problem("warning", "css-not-inlined", message, "body"))
    return styled


def _furnish(document: str, preheader: str, *, pixel: bool) -> str:
    """Put the preheader after `<body>` and the open pixel before `</body>`."""
    shield = Shield(document)
    hidden = shield.hide_all(document)
    if preheader.strip():
        opened = _BODY_OPEN.search(hidden)
        at = opened.end() if opened else 0
        hidden = hidden[:at] + shield.hide(_hidden_line(preheader)) + hidden[at:]
    if pixel:
        ends = list(_BODY_CLOSE.finditer(hidden))
        at = ends[-1].start() if ends else len(hidden)
        hidden = hidden[:at] + shield.hide(_PIXEL) + hidden[at:]
    return shield.restore(hidden)


def _hidden_line(preheader: str) -> str:
    shield = Shield(preheader)
    text = shield.restore(escape(shield.hide_all(" ".join(preheader.split())), quote=False))
    return _PREHEADER.format(text=text, padding=_PADDING)
