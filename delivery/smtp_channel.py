"""The way out by SMTP: letters as whole messages over the pooled connections of one provider."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.engine.classify import Classifier
from delivery.engine.message import RenderFailed
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp import SmtpMessage, SmtpPool
from delivery.letters import Letter


class SmtpChannel:
    """One SMTP provider with its persistent connections; see `delivery.letters.Channel`."""

    def __init__(self, pool: SmtpPool) -> None:
        self.pool = pool

    @property
    def latency_seconds(self) -> float:
        return self.pool.latency or 0.0

    async def send(self, letters: Sequence[Letter]) -> list[Outcome]:
        rendered = [_render(letter) for letter in letters]
        messages = [one for one in rendered if isinstance(one, SmtpMessage)]
        sent = iter(await self.pool.send_window(messages))
        return [one if isinstance(one, Outcome) else next(sent) for one in rendered]

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
