"""A message to one recipient before it takes a form: each way out renders it in its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from delivery.engine.classify import Classifier
from delivery.engine.message import MessageHead, MessageTemplate
from delivery.engine.outcome import Outcome

if TYPE_CHECKING:
    from delivery.lead_letter import LeadLetter


class Letter(NamedTuple):
    """One message to one recipient who may be written to now.

    context: what the template's merge tags see. return_path: the envelope sender. token: names this message in what
    comes back, such as an ESP's metadata. deadline: CLOCK_BOOTTIME seconds after which nothing of it may be started.
    mailbox_group: of the recipient, "" where nobody knows it: rules for replies may hold for one group only.
    """

    template: MessageTemplate
    context: Mapping[str, Any]
    head: MessageHead
    return_path: str
    token: str
    deadline: float
    mailbox_group: str = ""


AnyLetter: TypeAlias = "Letter | LeadLetter"


class Channel(Protocol):
    """One provider as a worker child reaches it."""

    @property
    def latency_seconds(self) -> float:
        """How long an accepted message takes to be answered, as measured lately; 0 before anything was measured."""
        ...

    async def send(self, letters: Sequence[AnyLetter]) -> list[Outcome]:
        """Render and hand over the letters; one outcome for each, in order. Raises nothing that network, server or
        template do: a letter that cannot be rendered ends in a RENDER_ERROR with its place.
        """
        ...

    def judge_by(self, classifier: Classifier) -> None:
        """Judge refusals by these rules from the next one on."""
        ...

    async def close(self) -> None:
        """Let what is under way end, and hang up."""
        ...
