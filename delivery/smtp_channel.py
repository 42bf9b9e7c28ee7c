"""The way out by SMTP: letters as whole messages over the pooled connections of one provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from delivery.engine.classify import Classifier
from delivery.engine.message import RenderFailed
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import SmtpMessage, SmtpPool
from delivery.engine.smtp.envelope import is_plain_address
from delivery.lead_letter import LeadLetter
from delivery.letters import AnyLetter, Letter

# an RSA signature takes 0.3 ms, a window of them 15 ms in which no socket of the child is served
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
        rendered = [self._rendered(letter) for letter in letters]
        messages = [one for one in rendered if isinstance(one, SmtpMessage)]
        sent = iter(await self.pool.send_window(messages))
        return [one if isinstance(one, Outcome) else next(sent) for one in rendered]

    def _rendered(self, letter: AnyLetter) -> SmtpMessage | Outcome:
        """By the short way where there is one."""
        if not isinstance(letter, LeadLetter):
            return _render(self._with_metadata(letter))
        if self._metadata is None and (pressed := letter.pressed()) is not None:
            return pressed
        return _render(self._with_metadata(letter.written()))

    def _with_metadata(self, letter: Letter) -> Letter:
        if self._metadata is None or not letter.token:
            return letter
        headers = (*letter.head.headers, self._metadata(letter.token))
        return letter._replace(head=letter.head._replace(headers=headers))

    def judge_by(self, classifier: Classifier) -> None:
        self.pool.classifier = classifier

    async def close(self) -> None:
        await self.pool.close()


def _render(letter: Letter) -> SmtpMessage | Outcome:
    try:
        rendered = letter.template.render(letter.context, letter.head)
    except RenderFailed as error:
        return Outcome(Kind.RENDER_ERROR, reply=str(error))
    first, *more = rendered.pieces
    sender, recipient = letter.return_path, letter.head.to_address
    size = 0
    is_plain = is_plain_address(recipient) and (not sender or is_plain_address(sender))
    if is_plain and first.isascii() and not letter.template.is_stuffed:
        size = sum(map(len, rendered.pieces))
    return SmtpMessage(sender, recipient, first, letter.deadline, letter.mailbox_group, tuple(more), size)
