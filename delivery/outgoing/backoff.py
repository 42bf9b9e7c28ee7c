"""When a delivery that failed is tried again. Pure: chance is passed in."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
GROWTH = 3
# eight tries within about twelve hours: a receiver that was down overnight is still told
MAX_TRIES = 8


def wait_after(tried: int, rng: random.Random) -> timedelta | None:
    """The wait before the next try: 1 min, 3 min, 9 min … up to 6 h, each longer by chance by up to a fifth.

    tried: tries made so far, 1 or more. None when there is no next one. Raises ValueError for less than one try.
    """
    if tried < 1:
        raise ValueError("nothing was tried yet")
    if tried >= MAX_TRIES:
        return None
    # added, never taken away: receivers that fell over together must not be called together again, nor sooner
    return min(FIRST_WAIT * GROWTH ** (tried - 1), LONGEST_WAIT) * (1 + rng.random() / 5)
