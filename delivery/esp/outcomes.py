"""What an ESP's answer, or the lack of one, means for the messages of a request.

Only proof of non-acceptance may lead to another attempt. Over HTTP that is: nothing was written at all, the ESP refused
the request by a status that says so, or it named the message as refused. Everything else is unknown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime

from delivery.engine.classify import BUILT_IN, Classifier
from delivery.engine.outcome import Kind, Outcome

LONGEST_WAIT_SECONDS = 24 * 3600.0
# of an answer: what explains a refusal stands at its beginning, and the patterns below cost a microsecond a character
READ_CHARACTERS = 10_000
# the request as a whole was found wrong; the same message alone may be right
REFUSED_CONTENT = (400, 413, 422)
UNSENDABLE = "esp-unsendable"
MOVED = (301, 307, 308)

_ACCOUNT = re.compile(
    r"not (yet )?(been )?(verified|validated|activated|confirmed)|unverified|sender identit|sender signature"
    r"|suspended|disabled|deactivated|\bcredits?\b|quota|billing|payment|\bplan\b|sandbox|not allowed to send"
    r"|domain not found|sending (is )?paused|configuration ?set|message ?stream|api key|unauthorized|forbidden"
    r"|permission|access denied",
    re.IGNORECASE,
)
_OTHER_ADDRESS = re.compile(r"\b(from|sender|reply.?to)\b", re.IGNORECASE)
_RECIPIENT = re.compile(
    r"\b(to|recipients?|personalizations?)\b.{0,80}\b(not (a )?valid|invalid|illegal|malformed)"
    r"|\b(invalid|illegal|malformed|error parsing)\b.{0,40}['\"`]?\b(to|recipients?|e-?mail address|address)\b"
    r"|is (an|not a|not an) (invalid|valid) e-?mail|not contain a valid address|email is not valid in to",
    re.IGNORECASE | re.DOTALL,
)


def accepted(message_id: str | None) -> Outcome:
    """The ESP took responsibility."""
    return Outcome(Kind.ACCEPTED, reply="accepted", esp_message_id=str(message_id or ""))


# proofs that a message was not taken, whose reason an operator may know better
JUDGED = frozenset(
    {Kind.HARD, Kind.SOFT, Kind.BLOCK, Kind.CONTENT, Kind.SENDER, Kind.UNDETERMINED, Kind.TRANSIENT, Kind.THROTTLE}
)


def unknown(reply: str, code: int | None = None) -> Outcome:
    """It may have been accepted: a person decides."""
    return Outcome(Kind.UNKNOWN, code, reply=_one_line(reply))


def not_attempted(reply: str, code: int | None = None) -> Outcome:
    """Proof that nothing was accepted, for a reason that is not the message's."""
    return Outcome(Kind.NOT_ATTEMPTED, code, reply=_one_line(reply))


def unsendable(error: Exception) -> Outcome:
    """The message holds what this ESP's API cannot express; nothing was sent."""
    return Outcome(Kind.RENDER_ERROR, reply=_one_line(str(error)), rule=UNSENDABLE)


def absent(label: str) -> Outcome:
    """The answer does not name this recipient."""
    return unknown(f"{label}'s answer says nothing of this message.")


def of_response(label: str, status: int, headers: Mapping[str, str], text: str) -> Outcome:
    """The outcome of each message of a request that was answered by an HTTP error.

    status: of the answer; 2xx here means an answer that could not be read. text: its body.
    """
    text = text[:READ_CHARACTERS]
    words = _one_line(f"HTTP {status}: {text}")
    if status in (429, 503):
        return Outcome(Kind.THROTTLE, status, reply=words, rule="esp-throttle", retry_after_seconds=_wait(headers))
    if status in (401, 403):
        return not_attempted(
            f"{label} does not accept the key, or it may not send. Check the provider. {words}", status
        )
    if status == 402:
        return not_attempted(f"{label} says that the account's allowance is used up. {words}", status)
    if status in (404, 405) or status in MOVED:
        return not_attempted(f"{label}'s API is not at this address. Check region, domain and address. {words}", status)
    if status in REFUSED_CONTENT:
        return refused(label, status, text)
    return unknown(f"{label} answered in a way that proves nothing. {words}", status)


def refused(label: str, status: int | None, text: str) -> Outcome:
    """The ESP says that it did not take this one message; its words tell whose fault it is."""
    text = text[:READ_CHARACTERS]
    words = _one_line(f"{'' if status is None else f'HTTP {status}: '}{text}")
    is_recipient = bool(_RECIPIENT.search(text)) and not _OTHER_ADDRESS.search(text)
    if is_recipient:
        return Outcome(Kind.HARD, status, reply=words, rule="esp-invalid-address")
    if _ACCOUNT.search(text):
        return not_attempted(f"{label} does not let this account send. Check the provider. {words}", status)
    verdict = BUILT_IN.classify_text(text)
    if verdict.kind is Kind.UNDETERMINED or _OTHER_ADDRESS.search(text):
        return Outcome(Kind.CONTENT, status, reply=words, rule="esp-refused")
    return Outcome(verdict.kind, status, reply=words, rule=verdict.rule)


def judged_by(classifier: Classifier, outcome: Outcome, group: str) -> Outcome:
    """The outcome as an operator's own rule has it, where one fits the ESP's words; only of what it did not take."""
    if not classifier.own or outcome.kind not in JUDGED:
        return outcome
    verdict = classifier.classify_text(outcome.reply, group=group)
    if all(rule.name != verdict.rule for rule in classifier.own):
        return outcome
    return replace(outcome, kind=verdict.kind, rule=verdict.rule)


def is_about_request(outcome: Outcome) -> bool:
    """True when a request for many was refused for what may be one message's fault: each may be handed over alone."""
    if outcome.rule == UNSENDABLE:
        return True
    return outcome.code in REFUSED_CONTENT and outcome.kind is not Kind.NOT_ATTEMPTED


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After, which is a number or a date; None where it cannot be told."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value.replace(".", "", 1).isdigit() else _until(value)
    except ValueError:
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:500]
