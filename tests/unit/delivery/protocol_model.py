"""A small model of the claim protocol, for a search through every order in which things can happen.

A first batch and the retry batches that follow from it, and two workers; leases may expire at any moment, workers may
stop for good or sleep as long as they like, and any COMMIT may lose its answer. One claim takes one position.

A mutation switches one rule of the protocol off: the search must then find a second copy or a lost lead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

MUTATIONS = (
    "claim after send",
    "claims are not fenced",
    "a lost answer is ignored and the cursor not compared",
    "a take-over marks nothing",
    "an unknown is retried",
    "an old attempt overwrites a new one",
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a world is searched. leases: of one batch; three are a zombie, its successor, and that one's."""

    leads: int
    attempts: int
    leases: int


@dataclass(frozen=True, slots=True)
class Batch:
    attempt: int
    leads: tuple[int, ...]
    cursor: int = 0
    token: int = 0
    is_leased: bool = False
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker has in its memory. hand: claimed positions as (lead, phase); phase "claimed" or an outcome.

    is_sure: False after a claim whose answer was lost: it claims no more, and leaves the batch to a take-over.
    """

    batch: int = -1
    token: int = 0
    cursor: int = 0
    hand: tuple[tuple[int, str], ...] = ()
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """rows: the ledger, (attempt, status) or None by lead. copies: what the server accepted, by lead.

    collected: leads whose deferred row stands in a retry batch that was made of it.
    """

    batches: tuple[Batch, ...]
    workers: tuple[Worker, ...]
    rows: tuple[tuple[int, str] | None, ...]
    copies: tuple[int, ...]
    collected: frozenset[int] = frozenset()


def search(bounds: Bounds, mutation: str = "") -> tuple[int, str]:
    """Visit every reachable world; (how many there are, what is wrong in the first bad one or "")."""
    leads = tuple(range(bounds.leads))
    start = World((Batch(1, leads),), (Worker(), Worker()), (None,) * bounds.leads, (0,) * bounds.leads)
    seen, queue = {start}, deque([start])
    while queue:
        world = queue.popleft()
        if fault := fault_of(world):
            return len(seen), fault
        for following in steps(world, bounds, mutation):
            # the workers are alike: a world and its mirror image are one
            following = replace(following, workers=tuple(sorted(following.workers, key=repr)))
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return len(seen), ""


def fault_of(world: World) -> str:
    """What must never be: a second copy, or, when all work is done, a lead without its true state."""
    if max(world.copies) > 1:
        return "a lead has two copies"
    is_over = all(batch.is_done for batch in world.batches) and all(worker.batch < 0 for worker in world.workers)
    if not is_over:
        return ""
    for row, copies in zip(world.rows, world.copies, strict=True):
        if row is None:
            return "a lead has no state"
        if copies and row[1] not in ("sent", "unknown"):
            return f"a lead that has the mail is recorded as {row[1]}"
        if not copies and row[1] == "sent":
            return "a lead without the mail is recorded as sent"
    return ""


def steps(world: World, bounds: Bounds, mutation: str) -> Iterator[World]:
    """Every world that one step of anybody leads to."""
    for number, batch in enumerate(world.batches):
        if batch.is_leased:
            # the lease runs out, whatever its holder is doing
            yield _with_batch(world, number, replace(batch, is_leased=False))
    for number, worker in enumerate(world.workers):
        if worker.batch < 0:
            yield from _leases(world, number, bounds, mutation)
            continue
        # killed: the memory is gone
        yield _with_worker(world, number, Worker())
        yield from _claims(world, number, mutation)
        yield from _sends(world, number, mutation)
        yield from _records(world, number, mutation)
        yield from _releases(world, number)
    yield from _collects(world, bounds, mutation)


def _leases(world: World, number: int, bounds: Bounds, mutation: str) -> Iterator[World]:
    for index, batch in enumerate(world.batches):
        if batch.is_done or batch.is_leased or batch.token >= bounds.leases:
            continue
        taken = replace(batch, token=batch.token + 1, is_leased=True)
        rows = list(world.rows)
        for lead in batch.leads[: batch.cursor]:
            row = rows[lead]
            if mutation != "a take-over marks nothing" and (row is None or row[0] < batch.attempt):
                rows[lead] = (batch.attempt, "unknown")
        leased = _with_batch(replace(world, rows=tuple(rows)), index, taken)
        yield _with_worker(leased, number, Worker(index, taken.token, batch.cursor))


def _claims(world: World, number: int, mutation: str) -> Iterator[World]:
    worker = world.workers[number]
    batch = world.batches[worker.batch]
    if batch.is_done or worker.cursor >= len(batch.leads) or not worker.is_sure:
        return
    if mutation == "claim after send":
        # sends first and moves the cursor only when it records
        lead = batch.leads[worker.cursor]
        hand = (*worker.hand, (lead, "claimed"))
        yield _with_worker(world, number, replace(worker, cursor=worker.cursor + 1, hand=hand))
        return
    is_careless = mutation.startswith("a lost answer is ignored")
    is_mine = batch.token == worker.token or mutation == "claims are not fenced"
    is_next = batch.cursor == worker.cursor or is_careless
    if not is_mine or not is_next or batch.cursor >= len(batch.leads):
        return
    claimed = _with_batch(world, worker.batch, replace(batch, cursor=batch.cursor + 1))
    hand = (*worker.hand, (batch.leads[worker.cursor], "claimed"))
    yield _with_worker(claimed, number, replace(worker, cursor=worker.cursor + 1, hand=hand))
    # the COMMIT went through and its answer was lost
    yield _with_worker(claimed, number, replace(worker, is_sure=is_careless))


def _sends(world: World, number: int, mutation: str) -> Iterator[World]:
    worker = world.workers[number]
    batch = world.batches[worker.batch]
    for place, (lead, phase) in enumerate(worker.hand):
        if phase != "claimed":
            continue
        if batch.attempt > 1 and not _is_wanted(world.rows[lead], batch, mutation):
            yield _left_alone(world, number, place, lead, batch)
            continue
        # accepted and answered; accepted and the answer lost; refused for now; cut off before anything was accepted
        for outcome, accepted in (("sent", 1), ("unknown", 1), ("deferred", 0), ("unknown", 0)):
            copies = tuple(count + accepted * (who == lead) for who, count in enumerate(world.copies))
            hand = (*worker.hand[:place], (lead, outcome), *worker.hand[place + 1 :])
            yield _with_worker(replace(world, copies=copies), number, replace(worker, hand=hand))


def _is_wanted(row: tuple[int, str] | None, batch: Batch, mutation: str) -> bool:
    if row is None or row[0] >= batch.attempt:
        return False
    return row[1] == "deferred" or (mutation == "an unknown is retried" and row[1] == "unknown")


def _left_alone(world: World, number: int, place: int, lead: int, batch: Batch) -> World:
    worker, row = world.workers[number], world.rows[lead]
    rows = list(world.rows)
    if row is not None and row[0] < batch.attempt:
        rows[lead] = (batch.attempt, row[1])
    hand = worker.hand[:place] + worker.hand[place + 1 :]
    return _with_worker(replace(world, rows=tuple(rows)), number, replace(worker, hand=hand))


def _records(world: World, number: int, mutation: str) -> Iterator[World]:
    worker = world.workers[number]
    batch = world.batches[worker.batch]
    for place, (lead, outcome) in enumerate(worker.hand):
        if outcome == "claimed":
            continue
        rows, row = list(world.rows), world.rows[lead]
        is_newer = row is None or row[0] < batch.attempt or (row[0] == batch.attempt and row[1] == "unknown")
        if is_newer or mutation == "an old attempt overwrites a new one":
            rows[lead] = (batch.attempt, outcome)
        hand = worker.hand[:place] + worker.hand[place + 1 :]
        # the COMMIT went through and its answer was lost: the outcome will be recorded once more
        yield replace(world, rows=tuple(rows))
        recorded = _with_worker(replace(world, rows=tuple(rows)), number, replace(worker, hand=hand))
        if mutation == "claim after send":
            cursor = max(batch.cursor, batch.leads.index(lead) + 1)
            recorded = _with_batch(recorded, worker.batch, replace(batch, cursor=cursor))
        yield recorded


def _releases(world: World, number: int) -> Iterator[World]:
    worker = world.workers[number]
    batch = world.batches[worker.batch]
    if worker.hand:
        return
    free = _with_worker(world, number, Worker())
    if batch.token != worker.token:
        yield free
    else:
        is_done = batch.cursor == len(batch.leads) and worker.is_sure
        yield _with_batch(free, worker.batch, replace(batch, is_leased=False, is_done=is_done))


def _collects(world: World, bounds: Bounds, mutation: str) -> Iterator[World]:
    wanted = ("deferred", "unknown") if mutation == "an unknown is retried" else ("deferred",)
    for lead, row in enumerate(world.rows):
        if row is None or row[1] not in wanted or row[0] >= bounds.attempts or lead in world.collected:
            continue
        batches = (*world.batches, Batch(row[0] + 1, (lead,)))
        yield replace(world, batches=batches, collected=world.collected | {lead})


def _with_batch(world: World, number: int, batch: Batch) -> World:
    return replace(world, batches=(*world.batches[:number], batch, *world.batches[number + 1 :]))


def _with_worker(world: World, number: int, worker: Worker) -> World:
    return replace(world, workers=(*world.workers[:number], worker, *world.workers[number + 1 :]))
