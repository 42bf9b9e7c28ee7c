"""From an SMTP reply to the class of its outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.engine.outcome import Kind
from delivery.engine.rules import RULES, Rule


@dataclass(frozen=True, slots=True)
class _Matcher:
    rule: Rule
    codes: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str] | None
    unless: re.Pattern[str] | None

    def matches(self, code: str, enhanced: str, text: str) -> bool:
        if self.codes is not None and not self.codes.fullmatch(code):
            return False
        if not self._evidence(enhanced, text):
            return False
        return self.unless is None or not self.unless.search(text)

    def _evidence(self, enhanced: str, text: str) -> bool:
        by_code = None if self.enhanced is None else bool(self.enhanced.fullmatch(enhanced))
        if by_code is not None and by_code == self.rule.either:
            return by_code
        by_text = None if self.text is None else bool(self.text.search(text))
        return by_text is not False


def _compile(rule: Rule) -> _Matcher:
    def pattern(source: str) -> re.Pattern[str] | None:
        return re.compile(source, re.IGNORECASE) if source else None

    return _Matcher(rule, pattern(rule.codes), pattern(rule.enhanced), pattern(rule.text), pattern(rule.unless))


_MATCHERS = tuple(_compile(rule) for rule in RULES)


def classify(code: int, enhanced: str | None, text: str) -> tuple[Kind, str]:
    """Return the kind of a refusal and the name of the rule that said so.

    code: 400-599. enhanced: "x.y.z" or None. text: the server's words (only the first 1,000 characters are looked at).
    Raises ValueError for a code outside that range: an acceptance is not for the rules to judge.
    Source: the ordered table in `delivery.engine.rules`.
    """
    if not 400 <= code <= 599:
        raise ValueError(f"{code} is not a refusal: only replies from 400 to 599 are classified.")
    digits, status, words = str(code), enhanced or "", text[:1000]
    for matcher in _MATCHERS:
        if matcher.matches(digits, status, words):
            return matcher.rule.kind, matcher.rule.name
    raise AssertionError("the last two rules cover every refusal")


def reason_for(rule_name: str) -> str:
    """Return the sentence for people that belongs to a rule's name, "" for an unknown name."""
    return next((rule.reason for rule in RULES if rule.name == rule_name), "")
