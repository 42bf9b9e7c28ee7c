"""The way out that leads nowhere: a provider that cannot be used as it is set up."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.engine.classify import Classifier
from delivery.engine.outcome import Kind, Outcome
from delivery.letters import AnyLetter


class ShutChannel:
    """Attempts nothing and says why; see `delivery.letters.Channel`."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def latency_seconds(self) -> float:
        return 0.0

    async def send(self, letters: Sequence[AnyLetter]) -> list[Outcome]:
        return [Outcome(Kind.NOT_ATTEMPTED, reply=self._reason)] * len(letters)

    def judge_by(self, classifier: Classifier) -> None:
        """Nothing is ever answered."""

    async def close(self) -> None:
        """Nothing is open."""
