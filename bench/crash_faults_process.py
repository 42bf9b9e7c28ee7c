"""Faults of processes and engines: killed, frozen, shut down, with clocks that jump."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import psutil
from django.conf import settings
from django.db import connection

from bench.crash_engines import crash_postgres, crash_valkey, start_postgres, start_valkey
from bench.crash_fault import Cost
from bench.crash_world import BULK, BULK_CHILDREN, World, restart_postgres

# the promise: a dead worker's batches go on within a minute
TAKE_OVER_SECONDS = 60.0
TAKEN, IDLE, FORGOTTEN = "its batch was taken over", "it was idle", "nobody took its batch over"
# a child that is frozen between two batches is no zombie: another try
FREEZE_TRIES = 4
# a zombie that wakes waits for replies or time-outs, then writes down what it knows
ZOMBIE_SECONDS = 3.0


def claimed_limit() -> int:
    return int(settings.CLAIMED_LIMIT)


def a_child(world: World, rng: random.Random) -> psutil.Process:
    """One pool child of the bulk worker; waits for one where it just starts."""
    world.wait(lambda: world.processes.children(BULK), 30)
    children = sorted(world.processes.children(BULK), key=lambda process: process.pid)
    return children[rng.randrange(len(children))]


def kill_child(world: World, rng: random.Random) -> Cost:
    """kill -9 of one child; the pool starts another."""
    child = a_child(world, rng)
    with suppress(psutil.NoSuchProcess):
        child.kill()
    return Cost(claimed_limit(), f"killed child {child.pid}")


def kill_all_children(world: World) -> int:
    """kill -9 of every child; how many."""
    children = world.processes.children(BULK)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    return len(children)


def kill_worker(world: World, rng: random.Random) -> Cost:
    """kill -9 of the main process, with its children at the same instant or leaving them orphans."""
    pid = world.processes.pid(BULK)
    together = rng.random() < 0.5
    if together:
        world.processes.kill_group(BULK)
    else:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return Cost(BULK_CHILDREN * claimed_limit(), f"killed worker {pid}{' and its children' if together else ''}")


def freeze(world: World, rng: random.Random) -> Cost:
    """SIGSTOP of a child past the lease, then SIGCONT: a zombie that believes it still has its batch."""
    notes: list[str] = []
    broken = ""
    for _ in range(FREEZE_TRIES):
        child, extra = a_child(world, rng), rng.uniform(0.1, 1.0)
        began = time.monotonic()
        with suppress(psutil.NoSuchProcess):
            found = _freeze_past_take_over(world, child, extra)
            notes.append(f"froze child {child.pid} for {time.monotonic() - began:.1f} s, {found}")
            broken = notes[-1] if found == FORGOTTEN else broken
            if found != IDLE:
                break
    return Cost(len(notes) * claimed_limit(), "; ".join(notes), linger_seconds=ZOMBIE_SECONDS, broken=broken)


def _freeze_past_take_over(world: World, child: psutil.Process, extra_seconds: float) -> str:
    """Wake it when another worker has had its batch for a moment; what became of its batch."""
    child.suspend()
    try:
        before = {batch.id: batch.token for batch in world.batches() if batch.token}
        time.sleep(world.lease_seconds)
        # a lease lasts from the last heartbeat, so it is over by now or was taken over already
        stale = {batch.id: batch.token for batch in world.expired()}
        if not stale and not _changed_hands(world, before, but=(None,)):
            return IDLE
        if stale and not world.wait(lambda: _changed_hands(world, stale), TAKE_OVER_SECONDS):
            return FORGOTTEN
        time.sleep(extra_seconds)
    finally:
        child.resume()
    return TAKEN


def _changed_hands(world: World, tokens: Mapping[int, UUID | None], but: tuple[None, ...] = ()) -> bool:
    """One of these batches has another token now. but=(None,): a batch that was given back does not count."""
    now = {batch.id: batch.token for batch in world.batches()}
    return any(now[number] not in (token, *but) for number, token in tokens.items())


def lose_valkey(_: World, rng: random.Random) -> Cost:
    """kill -9 of Valkey, its data deleted, a new one after a moment."""
    crash_valkey()
    seconds = rng.uniform(0.0, 2.0)
    time.sleep(seconds)
    start_valkey()
    return Cost(0, f"Valkey killed and emptied, away for {seconds:.1f} s")


def crash_database(world: World, rng: random.Random) -> Cost:
    """Immediate shutdown of PostgreSQL, a new start after a moment."""
    connection.close()
    crash_postgres()
    seconds = rng.uniform(0.0, 2.0)
    time.sleep(seconds)
    start_postgres(world.postgres_environment)
    return Cost(BULK_CHILDREN * claimed_limit(), f"PostgreSQL shut down at once, away for {seconds:.1f} s")


# --- clocks


def worker_with_clock(world: World) -> None:
    """The bulk worker starts again under libfaketime."""
    world.processes.stop(BULK)
    world.start_bulk(jumping_clock=True)


def worker_without_clock(world: World) -> None:
    if world.clock is not None:
        world.clock.jump(0)
    world.processes.stop(BULK)
    world.start_bulk()


def jump_worker_clock(world: World, rng: random.Random) -> Cost:
    """The worker's wall clock jumps by up to an hour, and back by another amount."""
    jumps = [_jump(world, rng, 3600) for _ in range(2)]
    return Cost(0, f"the bulk worker's clock was off by {jumps[0]} s, then by {jumps[1]} s")


def database_with_clock(world: World) -> None:
    """PostgreSQL starts again under libfaketime."""
    if world.clock is not None:
        world.postgres_environment = world.clock.environment
        restart_postgres(world.clock.environment)


def database_without_clock(world: World) -> None:
    if world.clock is not None:
        world.clock.jump(0)
    world.postgres_environment = None
    restart_postgres(None)


def jump_database_clock(world: World, rng: random.Random) -> Cost:
    """The clock that all leases and due times go by jumps, and comes right again: what it stamped meanwhile waits."""
    jump = _jump(world, rng, 30)
    if world.clock is not None:
        world.clock.jump(0)
    time.sleep(1.1)
    return Cost(BULK_CHILDREN * claimed_limit(), f"PostgreSQL's clock was off by {jump} s for a while", abs(jump))


def _jump(world: World, rng: random.Random, most: int) -> int:
    seconds = rng.randrange(5, most) * rng.choice((-1, 1))
    if world.clock is not None:
        world.clock.jump(seconds)
    # libfaketime looks at its file once a second
    time.sleep(rng.uniform(1.5, 3.0))
    return seconds
