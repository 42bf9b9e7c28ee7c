"""Which e-mail a public address means."""

from __future__ import annotations

from typing import Any, NamedTuple

from delivery.engine.token import Door
from delivery.tokens import signer


class Subject(NamedTuple):
    """One e-mail: campaign_id with lead_id, or message_id; the others are 0."""

    campaign_id: int
    lead_id: int
    message_id: int = 0

    def as_fields(self) -> dict[str, Any]:
        """The fields of an Occurrence that name this e-mail."""
        if self.message_id:
            return {"message_id": self.message_id}
        return {"campaign_id": self.campaign_id, "lead_id": self.lead_id}


def subject_of(door: Door, token: str) -> Subject | None:
    """What the token names; None where it was not signed by us, or for another door."""
    found = signer().verify(door, token)
    if found is None:
        return None
    if found.kind == "message":
        return Subject(0, 0, found.parent_id)
    return Subject(found.parent_id, found.lead_id)
