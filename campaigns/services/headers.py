"""What stands in the head of a message: parsed and checked, so that no header can be smuggled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns import addresses
from campaigns.content import Problem
from campaigns.content.problems import Part, problem_at
from campaigns.models import Campaign

SENDER_CURE = "write it as Name <name@example.com>"
_SENDER = re.compile(r"\s*(?P<name>[^<>]*?)\s*<\s*(?P<address>[^<>]*?)\s*>\s*")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who an e-mail is from. name may be empty."""

    name: str
    email: str


class SenderInvalid(ValueError):
    """The text names no sender. The message says why, and how to write it."""


def parse_sender(text: str) -> Sender:
    """The sender in "Name <a@b>" or "a@b"; the address in its normal form. Raises SenderInvalid."""
    if _FORBIDDEN.search(text):
        raise SenderInvalid(f"the sender has a line break or control character in it; {SENDER_CURE}")
    found = _SENDER.fullmatch(text)
    name, address = (found["name"], found["address"]) if found else ("", text.strip())
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        return Sender(name.strip(), addresses.normalise(address))
    except addresses.AddressInvalid as error:
        raise SenderInvalid(f"{address!r} is not an e-mail address ({error}); {SENDER_CURE}") from error


def check_headers(campaign: Campaign) -> Iterator[Problem]:
    """Errors of the name, the sender and the lines of text, with the model's own limits."""
    if not campaign.name.strip():
        yield Problem("error", "no-name", "the campaign has no name: give it one", "campaign")
    lines: list[tuple[str, str, Part]] = [
        ("name", "the name", "campaign"), ("subject", "the subject", "subject"),
        ("preheader", "the preheader", "preheader"), ("from_name", "the sender's name", "sender"),
    ]  # fmt: skip
    for field, words, part in lines:
        yield from _check_line(campaign, field, words, part)
    for text, part in ((campaign.body, "body"), (campaign.text, "text")):
        if bad := UNSTORABLE.search(text):
            message = "there is a NUL or a broken character here: take it out"
            yield problem_at("error", "forbidden-character", message, part, text, bad.start())
    yield from _check_address(campaign.from_email, "from")
    if campaign.reply_to:
        yield from _check_address(campaign.reply_to, "reply-to")
    if not 0 <= campaign.priority <= 9:
        message = f"the priority is {campaign.priority}: it must be from 0 to 9, and 9 is the most urgent"
        yield Problem("error", "priority", message, "campaign")


def _check_line(campaign: Campaign, field: str, words: str, part: Part) -> Iterator[Problem]:
    value: str = getattr(campaign, field)
    limit: int = getattr(Campaign._meta.get_field(field), "max_length", None) or 0
    bad = _FORBIDDEN.search(value)
    if bad:
        yield Problem(
            "error", "line-break", f"{words} must be one line: take out the line break or control character", part
        )
    if len(value) > limit:
        yield Problem("error", "too-long", f"{words} has {len(value)} characters; at most {limit} are allowed", part)


def _check_address(address: str, which: str) -> Iterator[Problem]:
    code = f"{which}-address"
    if not address:
        yield Problem("error", code, f"the {which} address is missing", "sender")
        return
    if _FORBIDDEN.search(address):
        # normalise() trims, so it would let a line break at the end pass
        message = f"the {which} address has a line break or control character in it: take it out"
        yield Problem("error", code, message, "sender")
        return
    try:
        addresses.normalise(address)
    except addresses.AddressInvalid as error:
        yield Problem("error", code, f"the {which} address {address!r} cannot be used: {error}", "sender")
