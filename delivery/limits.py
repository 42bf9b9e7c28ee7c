"""A limit as a value: so much in so long, counted under one name by all workers."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1
HOUR = 3600
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` e-mails every `per_seconds`.

    key: what is counted, such as "provider:3". Shorter than a day it is a token bucket that refills evenly; a DAY is
    a quota that begins anew at 0:00 UTC.
    """

    key: str
    amount: float
    per_seconds: int = SECOND

    @property
    def is_quota(self) -> bool:
        return self.per_seconds >= DAY
