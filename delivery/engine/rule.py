"""One rule for replies, as data: the same form for the built-in table and for what an operator adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from delivery.engine.outcome import Kind
from delivery.engine.phrases import Phrase, parse_phrase

_CODE = re.compile(r"[45][0-9][0-9]|[45][0-9]?\*|\*")
_ENHANCED = re.compile(
    r"(?P<class>[45]|\*)\.(?P<subject>\d{1,3}|\*)\.(?P<detail>\d{1,3}|\d{0,2}\*|\d{1,3}-\d{1,3})", re.ASCII
)


class BadPattern(ValueError):
    """A pattern for codes that cannot be used; the text says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a table. Every condition that is given must hold; the first rule that matches decides.

    codes: reply codes, "550, 55*". enhanced: RFC 3463 codes, "*.7.23-27, 5.1.*". phrases: one of them stands in the
    reply's words (`delivery.engine.phrases`). either: `enhanced` or `phrases` is enough instead of both.
    unless: with one of these phrases in the words the rule does not match.
    group: only replies of this mailbox group. provider_id: only replies that this provider passes on.
    pause_seconds: nothing more is sent to this group by this provider for so long, 0 for no pause of its own.
    alert: an operator should know. reason: a sentence for the person who reads the ledger.
    """

    name: str
    kind: Kind
    reason: str
    codes: str = ""
    enhanced: str = ""
    phrases: tuple[str, ...] = ()
    either: bool = False
    unless: tuple[str, ...] = ()
    group: str = ""
    provider_id: int | None = None
    pause_seconds: int = 0
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a reply; the fields are those of `Rule`."""

    kind: Kind
    rule: str
    reason: str
    pause_seconds: int = 0
    alert: bool = False


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its patterns read. codes, enhanced: None where the rule does not ask for one."""

    rule: Rule
    verdict: Verdict
    codes: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    phrases: tuple[Phrase, ...]
    unless: tuple[Phrase, ...]

    def fits_codes(self, code: str, enhanced: str) -> bool | None:
        """Judge by the codes: True and False are final, None leaves it to the phrases."""
        if self.codes is not None and not self.codes.fullmatch(code):
            return False
        if self.enhanced is not None:
            fits = self.enhanced.fullmatch(enhanced) is not None
            if fits == self.rule.either:
                return fits
        return None if self.phrases else self.enhanced is None or not self.rule.either


# the built-in table is read once, however often an operator's rules change
@lru_cache(maxsize=1024)
def compile_rule(rule: Rule) -> CompiledRule:
    """Read a rule's patterns. Raises BadPattern or BadPhrase with a sentence that names the cure."""
    return CompiledRule(
        rule,
        Verdict(rule.kind, rule.name, rule.reason, rule.pause_seconds, rule.alert),
        codes_pattern(rule.codes),
        enhanced_pattern(rule.enhanced),
        tuple(map(parse_phrase, rule.phrases)),
        tuple(map(parse_phrase, rule.unless)),
    )


def codes_pattern(patterns: str) -> re.Pattern[str] | None:
    """Read reply codes separated by commas, None for an empty list. Raises BadPattern."""
    parts = _parts(patterns)
    for part in parts:
        if not _CODE.fullmatch(part):
            raise BadPattern(f"“{part}” is no reply code: write three digits such as 550, or 55*, 5*, 4*.")
    return re.compile("|".join(part.replace("*", r"\d*") for part in parts)) if parts else None


def enhanced_pattern(patterns: str) -> re.Pattern[str] | None:
    """Read enhanced codes separated by commas, None for an empty list. Raises BadPattern."""
    parts = _parts(patterns)
    return re.compile("|".join(map(_enhanced, parts))) if parts else None


def _enhanced(part: str) -> str:
    found = _ENHANCED.fullmatch(part)
    if found is None:
        raise BadPattern(f"“{part}” is no enhanced code: write 5.1.1, 5.7.*, *.2.2 or 5.7.23-27.")
    detail = found["detail"]
    if "-" in detail:
        low, high = map(int, detail.split("-"))
        if low > high:
            raise BadPattern(f"“{part}”: the smaller number comes first.")
        detail = "|".join(map(str, range(low, high + 1)))
    head = "[45]" if found["class"] == "*" else found["class"]
    return rf"{head}\.{found['subject'].replace('*', '[0-9]+')}\.(?:{detail.replace('*', '[0-9]*')})"


def _parts(patterns: str) -> list[str]:
    return [part.strip() for part in patterns.split(",") if part.strip()]
