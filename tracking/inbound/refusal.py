"""The class of a refusal that a bounce quotes, by the same rules as replies on the line."""

from __future__ import annotations

import re
from dataclasses import replace

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Answered, Kind
from delivery.engine.reply_text import answered_in, read_reply
from tracking.inbound.report import Recipient, RefusalClass
from tracking.inbound.signs import EXPIRED
from tracking.inbound.words import about, without_courtesies

MAX_REPLY = 500
_STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
_SUPPOSED = re.compile(r"\b(?:may|might|could|can|if|or|either|possibl[ey]|perhaps|usually|oder|ou)\b", re.IGNORECASE)
# that our sender is refused is about us, as a block is
_CLASSES = {Kind.SENDER: RefusalClass.BLOCK} | {Kind(one.value): one for one in RefusalClass}


def status_in(value: str) -> str:
    """The first RFC 3463 status of a text, "" where there is none."""
    found = _STATUS.search(value)
    return found[0] if found else ""


def judge(
    address: str,
    words: str,
    *,
    status: str = "",
    answered: Answered = Answered.RECIPIENT,
    delayed: bool = False,
    rules: Classifier = BUILT_IN,
) -> Recipient:
    """Judge the refusal of one address. words: what the server said, with or without codes.

    status: what the bounce says beside the words; codes within the words are more telling than it.
    answered: as far as the bounce says it beside the words.
    delayed: the attempt goes on, so nothing is permanent, whatever the words say.
    """
    reply = read_reply(words)
    has_code = reply is not None and reply.has_code
    enhanced = (reply.enhanced if reply is not None else None) or _telling(status)
    telling = reply.words if reply is not None and has_code else " ".join(words.split())
    code = reply.code if reply is not None and has_code else _code_of(enhanced or status)
    if not has_code and not enhanced and EXPIRED.search(telling):
        code, enhanced = 450, "4.4.7"
    if delayed and code >= 500:
        code, enhanced = 450, f"4{enhanced[1:]}" if enhanced else "4.4.7"
    if reply is not None and answered is Answered.RECIPIENT:
        answered = reply.answered
    verdict = rules.classify(code, enhanced or None, telling, answered=answered)
    said = f"{reply.code} {reply.words}" if reply is not None and has_code else telling
    shown = enhanced or status
    refusal = _CLASSES.get(verdict.kind, RefusalClass.UNDETERMINED)
    return Recipient(address, refusal, shown, said.strip()[:MAX_REPLY], verdict.rule, delayed)


def second_look(
    first: Recipient,
    text: str,
    *,
    room: int,
    status: str = "",
    delayed: bool = False,
    rules: Classifier = BUILT_IN,
) -> Recipient:
    """The first judgement, or that by all words about the address where the first found no reason or no proof.

    room: as `words.room_for` says.
    """
    if first.refusal is not RefusalClass.UNDETERMINED:
        return first
    for words in (about(first.address, text, room), without_courtesies(text[:room])):
        if words.strip():
            second = judge(first.address, words, status=status, delayed=delayed, rules=rules)
            if second.refusal is not RefusalClass.UNDETERMINED:
                return second
    return _by_words_alone(first, about(first.address, text, room), rules)


def _by_words_alone(first: Recipient, words: str, rules: Classifier) -> Recipient:
    """The first judgement, or that by the words about an address before and behind any reply that they quote.

    A local delivery program says "unknown user", and the reply made of it says no more than "service unavailable".
    """
    if first.delayed:
        return first
    verdict = rules.classify(_code_of(first.status), None, words, answered=answered_in(words))
    refusal = _CLASSES.get(verdict.kind, RefusalClass.UNDETERMINED)
    return first if refusal is RefusalClass.UNDETERMINED else replace(first, refusal=refusal, rule=verdict.rule)


def answered_by(address: str, text: str, room: int) -> Answered:
    """What the words for people say that the refusal of an address answered."""
    return answered_in(about(address, text, room))


def but_stopped(refusals: list[Recipient], text: str, rules: Classifier) -> list[Recipient]:
    """The judgements, but soft where a report about one address says in its own words that the account is only stopped.

    Gateways of carriers answer "user unknown" whatever the reason, and give the reason in a sentence for people. A
    status about the address is believed more than the sentence, and a line of what might be wrong is no statement.
    """
    if len(refusals) != 1 or refusals[0].refusal is not RefusalClass.HARD or _telling(refusals[0].status):
        return refusals
    stated = " ".join(line for line in without_courtesies(text).split("\n") if not _SUPPOSED.search(line))
    verdict = rules.classify(550, None, stated)
    if verdict.kind is not Kind.SOFT:
        return refusals
    return [replace(refusals[0], refusal=RefusalClass.SOFT, rule=verdict.rule)]


def _telling(status: str) -> str:
    """A status that says something: x.0.0 says that nobody knew."""
    return "" if status.endswith(".0.0") else status


def _code_of(status: str) -> int:
    return 450 if status.startswith("4") else 550
