"""A reply judged by today's rules, and in words what follows from it: for pages and for the command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind
from delivery.engine.reply_text import ReadReply, read_reply
from delivery.engine.retry import DEFAULT, Policy
from delivery.engine.rule import Rule, Verdict
from delivery.engine.rules import ESP_RULES, RULES
from delivery.retry_words import spoken

CLASS_WORDS = {
    Kind.TRANSIENT: "Temporary",
    Kind.SOFT: "Soft bounce",
    Kind.THROTTLE: "Throttled",
    Kind.HARD: "Hard bounce",
    Kind.BLOCK: "Blocked",
    Kind.CONTENT: "Content refused",
    Kind.SENDER: "Our sender is at fault",
    Kind.UNDETERMINED: "Undetermined",
}
VARIANTS = {
    Kind.TRANSIENT: "warning", Kind.SOFT: "warning", Kind.THROTTLE: "warning", Kind.HARD: "danger",
    Kind.BLOCK: "danger", Kind.CONTENT: "danger", Kind.SENDER: "danger", Kind.UNDETERMINED: "default",
}  # fmt: skip
_HTTP_STATUS = re.compile(r"^HTTP \d{3}: ")


class NoReply(ValueError):
    """The text holds no refusal of a mail server; the message says what to paste. Show it to the person."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply and what the rules say of it. built_in: what the built-in table alone would have said.

    is_own: an operator's rule decided. code: None where the text had an enhanced code only.
    """

    code: int | None
    enhanced: str | None
    words: str
    verdict: Verdict
    built_in: Verdict
    is_own: bool
    follows: tuple[str, ...]

    @property
    def class_words(self) -> str:
        return CLASS_WORDS[self.verdict.kind]

    @property
    def variant(self) -> str:
        return VARIANTS[self.verdict.kind]

    @property
    def is_other_than_built_in(self) -> bool:
        return self.is_own and self.verdict.rule != self.built_in.rule

    def as_dict(self) -> dict[str, Any]:
        """For machines: one flat object."""
        return {
            "code": self.code,
            "enhanced": self.enhanced,
            "words": self.words,
            "class": self.verdict.kind.value,
            "rule": self.verdict.rule,
            "reason": self.verdict.reason,
            "own_rule": self.is_own,
            "built_in_rule": self.built_in.rule,
            "built_in_class": self.built_in.kind.value,
            "suppresses": self.verdict.kind is Kind.HARD,
            "pause_seconds": self.verdict.pause_seconds,
            "alert": self.verdict.alert,
            "follows": list(self.follows),
        }


def judge_text(
    pasted: str, classifier: Classifier, *, group: str = "", provider_id: int | None = None, policy: Policy = DEFAULT
) -> Judged:
    """Judge a reply as a person pastes it: several lines, a bounce, a line of a log. Raises NoReply."""
    read = read_reply(pasted)
    if read is None:
        raise NoReply(
            "There is no refusal in this text. Paste what the server said, beginning with its code, such as"
            " “550 5.1.1 User unknown”."
        )
    return judge(read, classifier, group=group, provider_id=provider_id, policy=policy)


def judge(
    read: ReadReply,
    classifier: Classifier,
    *,
    group: str = "",
    provider_id: int | None = None,
    policy: Policy = DEFAULT,
) -> Judged:
    """Judge a reply that was read."""
    verdict, built_in = (
        one.for_provider(provider_id).classify(
            read.code, read.enhanced, read.words, group=group, answered=read.answered
        )
        for one in (classifier, BUILT_IN)
    )
    return Judged(
        code=read.code if read.has_code else None,
        enhanced=read.enhanced,
        words=read.words,
        verdict=verdict,
        built_in=built_in,
        is_own=any(rule.name == verdict.rule for rule in classifier.own),
        follows=follows(verdict, policy),
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """A reply as a record of an e-mail keeps it. is_smtp: False where an ESP said it over its API."""

    code: int | None
    enhanced: str | None
    reply: str | None
    group: str = ""
    provider_id: int | None = None
    is_smtp: bool = True


def explain(recorded: Recorded, classifier: Classifier) -> Verdict | None:
    """What today's rules say of a recorded refusal; None for an acceptance and for what tells nothing."""
    bound = classifier.for_provider(recorded.provider_id)
    reply = recorded.reply or ""
    if recorded.is_smtp:
        if recorded.code is None or not 400 <= recorded.code <= 599:
            return None
        return bound.classify(recorded.code, recorded.enhanced, reply, group=recorded.group)
    verdict = bound.classify_text(_HTTP_STATUS.sub("", reply), group=recorded.group)
    return None if verdict.kind is Kind.UNDETERMINED else verdict


def follows(verdict: Verdict, policy: Policy = DEFAULT) -> tuple[str, ...]:
    """What happens after such a reply, one sentence each."""
    sentences = [_next_step(verdict.kind, policy)]
    if verdict.kind is Kind.HARD:
        sentences.append("The address is suppressed: no campaign writes to it again.")
    else:
        sentences.append("The address is not suppressed.")
    if verdict.pause_seconds:
        pause = spoken(timedelta(seconds=verdict.pause_seconds))
        sentences.append(f"Nothing more is sent to this mailbox group by this provider for {pause}.")
    if verdict.alert:
        sentences.append("Operators are alerted.")
    return tuple(sentences)


def _next_step(kind: Kind, policy: Policy) -> str:
    match kind:
        case Kind.TRANSIENT:
            if not policy.transient:
                return "It becomes a dead letter at once."
            return (
                f"It is tried again after about {', '.join(map(spoken, policy.transient))}, then it is a dead letter."
            )
        case Kind.SOFT:
            return (
                f"It is tried again every {spoken(policy.soft)}, {policy.soft_retries} times, then it is a soft bounce."
            )
        case Kind.THROTTLE:
            return f"It is tried again after {spoken(policy.throttle)} or a little more; this counts as no try."
        case Kind.BLOCK if policy.block_retries:
            return f"Another provider of the pool tries it after {spoken(policy.block)}; refused again, it has failed."
        case _:
            return "It is not tried again."


@dataclass(frozen=True, slots=True)
class TableLine:
    """One built-in rule for people."""

    number: int
    rule: Rule
    class_words: str
    variant: str
    conditions: tuple[str, ...]
    pause: str


def table_lines(rules: tuple[Rule, ...] = RULES) -> list[TableLine]:
    """The built-in table in its order; `ESP_RULES` are the lines that only texts of ESPs meet."""
    return [
        TableLine(
            number,
            rule,
            CLASS_WORDS[rule.kind],
            VARIANTS[rule.kind],
            _conditions(rule),
            spoken(timedelta(seconds=rule.pause_seconds)) if rule.pause_seconds else "",
        )
        for number, rule in enumerate(rules, 1)
    ]


def esp_lines() -> list[TableLine]:
    return table_lines(ESP_RULES)


def _conditions(rule: Rule) -> tuple[str, ...]:
    joint = "or" if rule.either else "and"
    parts = [f"code {rule.codes}"] if rule.codes else []
    if rule.enhanced:
        parts.append(f"enhanced code {rule.enhanced}")
    if rule.phrases:
        parts.append(f"{joint + ' ' if rule.enhanced else ''}one of {len(rule.phrases)} phrases")
    return tuple(parts)
