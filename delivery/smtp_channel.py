"""The way out by SMTP: letters as whole messages over the pooled connections of one provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from delivery.engine.classify import Classifier
from delivery.engine.dkim import seal
from delivery.engine.message import RenderFailed
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import SmtpMessage, SmtpPool
from delivery.engine.smtp.envelope import is_plain_address
from delivery.lead_letter import LeadLetter, press
from delivery.letters import AnyLetter, Letter
from delivery.press import Pressed

# eight RSA signatures take one to two ms, a window of them up to 12 ms in which no socket of the child is served
SIGNED_AT_ONCE = 16


class SmtpChannel:
    """One SMTP provider with its persistent connections; see `delivery.letters.Channel`."""

    def __init__(self, pool: SmtpPool, metadata: Callable[[str], tuple[str, str]] | None = None) -> None:
        """metadata: writes a header that tells the letter's token to an ESP behind the relay."""
        self.pool = pool
        self._metadata = metadata

    @property
    def latency_seconds(self) -> float:
        return self.pool.latency or 0.0

    async def send(self, letters: Sequence[AnyLetter]) -> list[Outcome]:
        if len(letters) <= SIGNED_AT_ONCE or not letters[0].template.is_signed:
            return await self._send(letters)
        # sockets are served between the parts, so the first letters leave while the next are signed
        async with asyncio.TaskGroup() as parts:
            tasks = []
            for start in range(0, len(letters), SIGNED_AT_ONCE):
                tasks.append(parts.create_task(self._send(letters[start : start + SIGNED_AT_ONCE])))
                await asyncio.sleep(0)
        return [outcome for task in tasks for outcome in task.result()]

    async def _send(self, letters: Sequence[AnyLetter]) -> list[Outcome]:
        written = self._written(letters)
        messages = with_signatures([one for one in written if not isinstance(one, Outcome)])
        sent = iter(await self.pool.send_window(messages))
        return [one if isinstance(one, Outcome) else next(sent) for one in written]

    def _written(self, letters: Sequence[AnyLetter]) -> list[Pressed | Outcome]:
        """By the short way where there is one."""
        if self._metadata is not None:
            return [self._composed(letter) for letter in letters]
        pressed = iter(press([letter for letter in letters if isinstance(letter, LeadLetter)]))
        quick = [next(pressed) if isinstance(letter, LeadLetter) else None for letter in letters]
        return [one or self._composed(letter) for one, letter in zip(quick, letters, strict=True)]

    def _composed(self, letter: AnyLetter) -> Pressed | Outcome:
        return compose(self._with_metadata(letter.written() if isinstance(letter, LeadLetter) else letter))

    def _with_metadata(self, letter: Letter) -> Letter:
        if self._metadata is None or not letter.token:
            return letter
        headers = (*letter.head.headers, self._metadata(letter.token))
        return letter._replace(head=letter.head._replace(headers=headers))

    def judge_by(self, classifier: Classifier) -> None:
        self.pool.classifier = classifier

    async def close(self) -> None:
        await self.pool.close()


def with_signatures(written: Sequence[Pressed]) -> list[SmtpMessage]:
    """The messages with their signatures before them."""
    if not any(drafts for _, drafts in written):
        return [message for message, _ in written]
    signatures = seal([drafts for _, drafts in written])
    return [_headed(message, signature) for (message, _), signature in zip(written, signatures, strict=True)]


def _headed(message: SmtpMessage, lines: bytes) -> SmtpMessage:
    size = message.checked_size and message.checked_size + len(lines)
    return message._replace(data=lines + message.data, checked_size=size)


def compose(letter: Letter) -> Pressed | Outcome:
    """The careful way to a message; the outcome where it cannot be rendered."""
    try:
        rendered = letter.template.compose(letter.context, letter.head)
    except RenderFailed as error:
        return Outcome(Kind.RENDER_ERROR, reply=str(error))
    first, *more = rendered.pieces
    sender, recipient = letter.return_path, letter.head.to_address
    size = 0
    is_plain = is_plain_address(recipient) and (not sender or is_plain_address(sender))
    if is_plain and first.isascii() and not letter.template.is_stuffed:
        size = sum(map(len, rendered.pieces))
    message = SmtpMessage(sender, recipient, first, letter.deadline, letter.mailbox_group, tuple(more), size)
    return message, rendered.drafts
