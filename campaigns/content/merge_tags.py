"""Which merge tags exist, and what to say about those that do not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Literal

from campaigns.content.environment import TEXT
from campaigns.content.problems import Part, Problem, problem_at
from campaigns.content.walk import Name, Usage

ContentKind = Literal["campaign", "transactional"]

UNSUBSCRIBE = "unsubscribe_url"
VIEW = "view_url"
LEAD_FIELDS = ("id", "email", "first_name", "last_name", "language", "time_zone", "attributes", "tags")
CAMPAIGN_FIELDS = ("id", "name")
CLOCK = ("now", "today")

# None: anything may stand below this name.
_FIELDS: dict[str, tuple[str, ...] | None] = {
    "lead": LEAD_FIELDS,
    "campaign": CAMPAIGN_FIELDS,
    "feed": None,
    "data": None,
    UNSUBSCRIBE: None,
    VIEW: None,
    **dict.fromkeys(CLOCK),
}


def known_tags(kind: ContentKind) -> tuple[str, ...]:
    """The merge tags that can be offered in a menu, without attributes and feeds."""
    tags = [f"lead.{field}" for field in LEAD_FIELDS] + [f"campaign.{field}" for field in CAMPAIGN_FIELDS]
    tags += [UNSUBSCRIBE, VIEW, "feed", *CLOCK]
    return (*tags, "data") if kind == "transactional" else tuple(tags)


def check_usage(
    found: Usage, part: Part, source: str, kind: ContentKind, attributes: Collection[str] | None
) -> Iterator[Problem]:
    """Errors for names and filters that do not exist, warnings for attributes that no lead has."""
    for name in found.names:
        problem = _check_name(name, kind, attributes)
        if problem is not None:
            severity, code, message = problem
            yield problem_at(severity, code, message, part, source, name.index)
    for used in found.filters:
        if used.name not in TEXT.filters:
            close = get_close_matches(used.name, TEXT.filters, n=1)
            hint = f": did you mean {close[0]}?" if close else ""
            message = f"unknown filter {used.name}{hint}"
            yield problem_at("error", "unknown-filter", message, part, source, used.token.start_index)
    for loop in found.continued_loops:
        message = "offset: continue is not supported: give the number to start from"
        yield problem_at("error", "offset-continue", message, part, source, loop.token.start_index)


Verdict = tuple[Literal["error", "warning"], str, str]


def _check_name(name: Name, kind: ContentKind, attributes: Collection[str] | None) -> Verdict | None:
    root = str(name.segments[0])
    if root.startswith("_"):
        return "error", "reserved-name", f"{root} is reserved: names that begin with _ are for the system's own use"
    if root not in _FIELDS or (root == "data" and kind != "transactional"):
        return _unknown(name, kind)
    fields = _FIELDS[root]
    if fields is None:
        return None
    if len(name.segments) == 1:
        return "error", "unknown-merge-tag", f"{root} alone is not a merge tag: write {root}.{fields[1]}, for example"
    if name.segments[1] is not None and name.segments[1] not in fields:
        return _unknown(name, kind)
    return _check_attribute(name, attributes)


def _check_attribute(name: Name, attributes: Collection[str] | None) -> Verdict | None:
    if attributes is None or name.segments[:2] != ("lead", "attributes") or len(name.segments) < 3:
        return None
    attribute = name.segments[2]
    if attribute is None or attribute in attributes:
        return None
    close = get_close_matches(str(attribute), attributes, n=1)
    hint = f"did you mean lead.attributes.{close[0]}?" if close else "it will be empty unless an import brings it"
    return "warning", "unknown-attribute", f"no lead has the attribute {attribute}: {hint}"


def _unknown(name: Name, kind: ContentKind) -> Verdict:
    """The nearest known name, by the whole path and by its last segment: people forget `lead.`."""
    tags = known_tags(kind)
    written = str(name)
    close = get_close_matches(written, tags, n=1, cutoff=0.75)
    if not close:
        by_last = {tag.rpartition(".")[2]: tag for tag in reversed(tags)}
        close = [by_last[last] for last in get_close_matches(written.rpartition(".")[2], by_last, n=1)]
    hint = f"did you mean {close[0]}?" if close else f"these exist: {', '.join(tags)}, and lead.attributes.…"
    return "error", "unknown-merge-tag", f"unknown merge tag {written}: {hint}"
