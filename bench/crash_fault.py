"""What a fault is: a name, what it does to the running stack, and what it may cost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from bench.crash_world import World


@dataclass(frozen=True, slots=True)
class Cost:
    """What one strike may cost.

    unknown: e-mails at most. seconds: recovery beyond the usual limit. note: what it did.
    broken: a promise that was seen broken on the way, "" for none.
    linger_seconds: how long the numbers must stand still before the books are looked at: zombies come late.
    """

    unknown: int
    note: str
    seconds: float = 0.0
    linger_seconds: float = 0.5
    broken: str = ""


Inject = Callable[[World, random.Random], Cost]
Hook = Callable[[World], None]


def nothing(_: World) -> None:
    """No preparation."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. bound: what an `unknown` may cost, in words. launch: it strikes at the launch.

    before, after: outside the round, such as a restart with another clock. needs_clock: needs libfaketime.
    """

    name: str
    inject: Inject
    bound: str
    launch: bool = False
    before: Hook = nothing
    after: Hook = nothing
    needs_clock: bool = False
