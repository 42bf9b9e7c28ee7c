"""What the schemas of all resources share."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from ninja import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

MOST_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=MOST_ID)]


def _in_utc(moment: dt.datetime) -> dt.datetime:
    """PostgreSQL knows no offset above 16 hours, and calendars no year 0."""
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError("Choose a moment in a year from 2 to 9998.") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Given(BaseModel):
    """A body that a caller sends: a field that we do not know is named instead of ignored.

    Not ninja's Schema, which reads objects of models too, and for that looks at a body twice: at what lies in it four
    times.
    """

    model_config = ConfigDict(extra="forbid")

    def cleared(self, *names: str) -> dict[str, None]:
        """Those of the names that were sent as null: a PATCH takes away what they hold."""
        return {name: None for name in names if name in self.model_fields_set and getattr(self, name) is None}

    def given(self) -> dict[str, Any]:
        """The fields that were sent and are not null: what a PATCH changes."""
        return {name: value for name, value in self.model_dump(exclude_unset=True).items() if value is not None}
