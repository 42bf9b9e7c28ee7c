"""One round: a plan drawn from its seed, a campaign, the faults, the wait, the checks."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from bench.crash_checks import violations
from bench.crash_fault import Cost, Fault
from bench.crash_faults_protocol import launch
from bench.crash_watch import Watch
from bench.crash_world import World
from massmailer.embedded import logs

# a campaign finishes by itself within this time and the lease, once faults stop, besides the time of plain sending
FINISH_SECONDS = 60.0
# plain sending on a busy machine: what is left when the faults stop may take its time
LEAST_RATE = 400.0
LOG_LINES = 40
TELLING_LOGS = ("worker-bulk", "worker-control", "worker-default")


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault and its moment: the settled part of the audience at which it strikes."""

    fault: Fault
    at: float
    seed: str


@dataclass
class Round:
    """What happened in one round, as it is written to the results."""

    seed: int
    number: int
    leads: int
    lease_seconds: float
    chunking: bool = False
    faults: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    unknown: int = 0
    unknown_accepted: int = 0
    unknown_limit: int = 0
    recovery_seconds: float | None = None
    finish_seconds: float | None = None
    polls: int = 0
    violations: list[str] = field(default_factory=list)


def plan(seed: int, number: int, faults: Sequence[Fault]) -> list[Strike]:
    """The faults of one round, one to three of them; the same for the same seed, number and table."""
    rng = random.Random(f"{seed}/{number}")
    count = min(rng.choices((1, 2, 3), weights=(5, 3, 2))[0], len(faults))
    chosen = rng.sample(list(faults), count)
    strikes = [
        Strike(fault, 0.0 if fault.launch else rng.uniform(0.03, 0.8), f"{seed}/{number}/{fault.name}")
        for fault in chosen
    ]
    return sorted(strikes, key=lambda strike: strike.at)


def flies(seed: int, number: int) -> bool:
    """Whether the sink of this round offers CHUNKING."""
    return random.Random(f"{seed}/{number}/chunking").random() < 0.5


def run_round(world: World, seed: int, number: int, leads: int, strikes: Sequence[Strike]) -> Round:
    """Send one campaign under these faults, and check it."""
    done = Round(seed, number, leads, world.lease_seconds, chunking=flies(seed, number))
    world.use_chunking(done.chunking)
    for strike in strikes:
        strike.fault.before(world)
    logs_start = {name: _log_size(name) for name in TELLING_LOGS}
    world.new_campaign(leads, f"Seed {seed}, round {number}")
    with Watch(world) as watch:
        costs = _strike_all(world, watch, strikes, done)
        _wait_for_the_end(world, watch, done, sum(cost.seconds for cost in costs))
        _wait_for_silence(world, watch, done, max((cost.linger_seconds for cost in costs), default=0.0))
    done.polls = watch.polls
    done.violations += sorted(set(watch.broken)) + violations(world)
    _count_unknown(world, done, costs)
    if watch.numbers is not None:
        done.numbers = watch.numbers.as_dict()
    if done.violations:
        done.violations += [_lines_since(name, start) for name, start in logs_start.items()]
    for strike in strikes:
        strike.fault.after(world)
    return done


def _strike_all(world: World, watch: Watch, strikes: Sequence[Strike], done: Round) -> list[Cost]:
    if not any(strike.fault.launch for strike in strikes):
        launch(world)
    costs: list[Cost] = []
    for strike in strikes:
        began = watch.progress
        if not strike.fault.launch:
            # a campaign that an earlier fault holds up is struck again all the same
            world.wait(lambda at=strike.at: watch.progress >= at or watch.is_over, 45)  # type: ignore[misc]
            began = watch.progress
            if watch.is_over:
                continue
        cost = strike.fault.inject(world, random.Random(strike.seed))
        costs.append(cost)
        if cost.broken:
            done.violations.append(f"{strike.fault.name}: {cost.broken}")
        done.faults.append({"name": strike.fault.name, "at": round(began, 3), "note": cost.note})
    return costs


def _wait_for_the_end(world: World, watch: Watch, done: Round, extra_seconds: float) -> None:
    world.wait(watch.faults_are_over, 30)
    quiet = time.monotonic()
    left = (1 - watch.progress) * done.leads
    limit = FINISH_SECONDS + world.lease_seconds + extra_seconds
    end = quiet + limit + left / LEAST_RATE
    while not watch.is_over and time.monotonic() < end:
        world.wait(lambda: world.make_due() >= 0, 5)
        world.wait(lambda: watch.is_over, 0.5)
    now = time.monotonic()
    if watch.recovered_at is None and watch.is_over:
        # it was over before the watch looked again
        done.recovery_seconds = 0.0
    elif watch.recovered_at is not None:
        done.recovery_seconds = round(watch.recovered_at - quiet, 2)
    if done.recovery_seconds is None or done.recovery_seconds > limit:
        done.violations.append(f"what was claimed is not settled {limit:.0f} s after the faults: {watch.batches}")
    if watch.is_over:
        done.finish_seconds = round(now - quiet, 2)
    else:
        done.violations.append(f"not over {now - quiet:.0f} s after the faults stopped: {watch.numbers}")


def _wait_for_silence(world: World, watch: Watch, done: Round, seconds: float) -> None:
    """Until the campaign is over and neither its numbers nor the sink's log have changed for so long.

    A zombie that comes late may turn `unknown` into `deferred`, for messages that it never began: they are sent then.
    """
    end = time.monotonic() + FINISH_SECONDS + world.lease_seconds
    since, seen = time.monotonic(), None
    while time.monotonic() - since < seconds:
        if time.monotonic() > end:
            done.violations.append(f"no silence after the campaign was over: {watch.numbers}")
            return
        time.sleep(0.1)
        world.wait(lambda: world.make_due() >= 0, 5)
        world.log.read()
        now = (watch.numbers, world.log.total(world.campaign_id))
        if now != seen or not watch.is_over:
            since, seen = time.monotonic(), now


def _count_unknown(world: World, done: Round, costs: Sequence[Cost]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lead_id, reply FROM delivery_email WHERE campaign_id = %s AND status = 'unknown'",
            [world.campaign_id],
        )
        unknown = dict(cursor.fetchall())
    done.unknown = len(unknown)
    done.unknown_accepted = len(set(unknown) & set(world.log.accepted(world.campaign_id)))
    done.unknown_limit = sum(cost.unknown for cost in costs)
    if done.unknown > done.unknown_limit:
        replies = sorted(set(unknown.values()))
        done.violations.append(f"{done.unknown} unknown, where {done.unknown_limit} are allowed: {replies[:8]}")


def _log_size(name: str) -> int:
    path = logs.log_file(name)
    return path.stat().st_size if path.exists() else 0


def _lines_since(name: str, start: int) -> str:
    """What a process has said in this round of batches, warnings and faults, the last lines of it."""
    path = logs.log_file(name)
    with path.open("rb") as log:
        log.seek(min(start, path.stat().st_size))
        lines = log.read().decode(errors="replace").splitlines()
    telling = [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "Error", "batch"))]
    return f"--- {name}\n" + "\n".join(telling[-LOG_LINES:])
