"""Reading a reply out of what people paste: a bare reply, several lines of one, a bounce, a line of a mail log."""

from __future__ import annotations

import re
from dataclasses import dataclass

from delivery.engine.outcome import Answered

MAX_PASTED = 20_000

_STATUS = r"[45]\.\d{1,3}\.\d{1,3}"
# most telling first: a code with its enhanced code, a code where a reply begins, a code in front of words
_PLACES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"(?<![\w.#=-])([45]\d\d)[ -]+[#(\[]{{0,2}}({_STATUS})(?![\d.])",
        r"(?:^|said: ?|; ?|<<< ?|: )([45]\d\d)(?=[ -]|$)()",
        r"(?<![\w.#=:/\[-])([45]\d\d)(?= (?:- )?[A-Za-z<(\[]|-['A-Za-z])()",
    )
)
_BARE_STATUS = re.compile(rf"(?<![\w.-])#?({_STATUS})(?![\d.])")
_ASKED = (
    r"(?:in (?:reply|response) to|after|did not like our|(?:error|server) for|error (?:from|in) .{0,40}after)"
    r" (?:the |sending |pipelined ){0,2}[\"'`]?"
)
_BEFORE_RCPT = re.compile(
    rf"{_ASKED}(?:mail from|mail command|(?:end of )?(?:helo|ehlo)|initial connection|connect)"
    r"|\[(?:mail_from|helo|ehlo|connect)\b",
    re.IGNORECASE,
)
_AFTER_RCPT = re.compile(
    rf"{_ASKED}(?:(?:end of )?(?:data|bdat|text)\b|transfer of mail|message content|final dot)|\[(?:body|data|eob)\b"
    r"|after (?:i|we) sent (?:the|your) message",
    re.IGNORECASE,
)
_FRAME = re.compile(r"\(in reply to [^)]{0,60}\)?|\(reason: |^[ \t]*<<<", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReadReply:
    """A reply found in a text.

    code: 400-599, made from the enhanced code (450, 550) where the text has none: has_code is False then.
    answered: as far as the text says it.
    """

    code: int
    enhanced: str | None
    words: str
    has_code: bool = True
    answered: Answered = Answered.RECIPIENT


def read_reply(pasted: str) -> ReadReply | None:
    """Find the first refusal in a text, None where there is none. Looks at the first 20,000 characters."""
    pasted = pasted[:MAX_PASTED].replace("\r", "")
    answered = answered_in(pasted)
    text = _FRAME.sub(" ", pasted)
    for place in _PLACES:
        found = place.search(text)
        if found is not None:
            rest = _without_repeats(text[found.end() :], found[1])
            enhanced = found[2] or _status_in(rest)
            return ReadReply(int(found[1]), enhanced, _words(rest, enhanced), True, answered)
    status = _BARE_STATUS.search(text)
    if status is None:
        return None
    code = 450 if status[1].startswith("4") else 550
    return ReadReply(code, status[1], _words(text[status.end() :], status[1]), False, answered)


def answered_in(text: str) -> Answered:
    """What a text says that the refusal answered; transcripts are not asked.

    Sendmail shows what came for RCPT under `>>> DATA` where it had sent both together.
    """
    line = " ".join(text.split())
    if _BEFORE_RCPT.search(line) is not None:
        return Answered.SENDER
    return Answered.MESSAGE if _AFTER_RCPT.search(line) is not None else Answered.RECIPIENT


def _without_repeats(text: str, code: str) -> str:
    """Drop what each further line of a reply begins with: "550-5.1.1 account" goes on with "account"."""
    return re.sub(rf"(?<![\w.]){code}[ -]#?{_STATUS}(?=\s|$)|^{code}[ -]", " ", text, flags=re.MULTILINE)


def _status_in(text: str) -> str | None:
    found = _BARE_STATUS.search(text[:500])
    return found[1] if found else None


def _words(text: str, enhanced: str | None) -> str:
    if enhanced:
        text = re.sub(rf"(?<![\w.])#?{re.escape(enhanced)}(?![\w.])", " ", text)
    return " ".join(text.split()).strip(" :-)]>.")[:1000]
