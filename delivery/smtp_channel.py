"""The way out by SMTP: letters as whole messages over the pooled connections of one provider."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from delivery.engine.classify import Classifier
from delivery.engine.message import RenderFailed
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import SmtpMessage, SmtpPool
from delivery.letters import Letter


class SmtpChannel:
    """One SMTP provider with its persistent connections; see `delivery.letters.Channel`."""

    def __init__(self, pool: SmtpPool, metadata: Callable[[str], tuple[str, str]] | None = None) -> None:
        """metadata: writes a header that tells the letter's token to an ESP behind the relay."""
        self.pool = pool
        self._metadata = metadata

    @property
    def latency_seconds(self) -> float:
        return self.pool.latency or 0.0

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        rendered = [_render(self._with_metadata(letter)) for letter in letters]
        messages = [one for one in rendered if isinstance(one, SmtpMessage)]
        sent = iter(await self.pool.send_window(messages))
        return [one if isinstance(one, Outcome) else next(sent) for one in rendered]

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
    head, group = letter.head, letter.mailbox_group
    return SmtpMessage(letter.return_path, head.to_address, first, letter.deadline, group, tuple(more))
