"""What the schemas of all resources share."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Path, Schema
from pydantic import ConfigDict

MOST_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=MOST_ID)]


class Given(Schema):
    """A body that a caller sends: a field that we do not know is named instead of ignored."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """The fields that were sent and are not null: what a PATCH changes."""
        return {name: value for name, value in self.model_dump(exclude_unset=True).items() if value is not None}
