"""When a post is made again. Pure: chance is passed in."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=6)
GROWTH = 4
# ten tries or so; whoever was down for a day is told again by a person
GIVE_UP_AFTER = timedelta(hours=24)


def wait_after(tried: int, left: timedelta, rng: random.Random) -> timedelta | None:
    """The wait before the next try: 10 s, 40 s, 160 s … up to 6 h, each longer by chance by up to a fifth.

    tried: tries made so far, 1 or more. left: until the time of the delivery is over. None where that comes first.
    """
    # added, never taken away: receivers that fell over together must not be called together again, nor sooner
    wait = min(FIRST_WAIT * GROWTH ** min(tried - 1, 10), LONGEST_WAIT) * (1 + rng.random() / 5)
    return wait if wait <= left else None
