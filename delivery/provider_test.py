"""One test message through exactly one provider, past pools, limits and queues; what became of it, in plain words."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from uuid import uuid4

from campaigns.addresses import digest, domain_of, normalise
from campaigns.models import Suppression
from delivery.domain_keys import signer_of
from delivery.domains import DomainBook
from delivery.engine.message import Mailbox, MessageHead, MessageTemplate
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.letters import Letter
from delivery.models import Provider
from delivery.runtime import open_channel
from delivery.transactional import parse_mailbox

PATIENCE_SECONDS = 20.0
VERDICTS = {
    Kind.ACCEPTED: "{provider} accepted the message. Look into the mailbox of {to}, and into its spam folder.",
    Kind.UNKNOWN: "It is not known whether {provider} accepted the message: look into the mailbox of {to}.",
    Kind.NOT_ATTEMPTED: "The message was not handed over.",
    Kind.THROTTLE: "{provider} asks us to slow down and did not take the message. Try again in a while.",
    Kind.TRANSIENT: "{provider} did not take the message now. Try again in a while.",
    Kind.HARD: "{provider} refuses {to} as a recipient.",
    Kind.BLOCK: "{provider} or the receiver refuses our mail.",
    Kind.SENDER: "{provider} refuses the sender {sender}.",
}
REFUSED = "{provider} refused the message."


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What became of the message. words: for the person, with the server's own words where there are any."""

    is_accepted: bool
    words: str
    outcome: Outcome
    seconds: float


class TrialImpossible(ValueError):
    """The test cannot be sent as it is asked for; show the message to the person."""


def send_test(provider: Provider, *, to: str, sender: str) -> TrialReport:
    """Send one message over a fresh channel and wait for what becomes of it; seconds at most.

    sender: "Name <address>" or an address. Raises AddressInvalid, TrialImpossible for a suppressed recipient.
    """
    recipient, mailbox = normalise(to), parse_mailbox(sender)
    if Suppression.objects.filter(digest__in=[digest(recipient), digest(domain_of(recipient))]).exists():
        raise TrialImpossible(f"{recipient} is on the suppression list: nothing may be sent to it.")
    began = time.monotonic()
    outcome = asyncio.run(_send(provider, _letter(provider, recipient, mailbox)))
    seconds = time.monotonic() - began
    words = VERDICTS.get(outcome.kind, REFUSED).format(provider=provider.name, to=recipient, sender=mailbox.address)
    is_accepted = outcome.kind is Kind.ACCEPTED
    said = f"It took {seconds * 1000:.0f} ms." if is_accepted else outcome.reply
    return TrialReport(is_accepted, f"{words} {said}".strip(), outcome, seconds)


async def _send(provider: Provider, letter: Letter) -> Outcome:
    channel = open_channel(provider)
    try:
        (outcome,) = await channel.send([letter])
    finally:
        await channel.close()
    return outcome


def _letter(provider: Provider, recipient: str, sender: Mailbox) -> Letter:
    book = DomainBook()
    book.refresh()
    now = datetime.now(UTC)
    text = f"A test of the provider {provider.name}, sent at {now:%Y-%m-%d %H:%M:%S} UTC. It reads well: ä ö ü €.\n"
    template = MessageTemplate(
        subject_parts=[f"Test of {provider.name}"],
        html_parts=[f"<html><body><p>{escape(text)}</p></body></html>"],
        text_parts=[text],
        sender=sender,
        static_headers=[],
        signer=signer_of(book.find(sender.address)),
    )
    head = MessageHead(recipient, "", f"test.{uuid4().hex}@{domain_of(sender.address)}", now)
    return Letter(template, {}, head, sender.address, "", boottime() + PATIENCE_SECONDS)
