"""Sending one batch: lease, claim, send, record.

A position is claimed by exactly one committed UPDATE and sent only by its claimer, whatever clocks, leases and the
broker do. Nothing here raises with claims open.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import time
from datetime import UTC, datetime

from campaigns.models import Campaign
from delivery import lease, record, routes, runtime, spool, stop
from delivery.batch_sender import NOTHING_WENT_OUT_SECONDS, BatchSender
from delivery.database import AsyncConnection, DatabaseAway

logger = logging.getLogger(__name__)

# a person may end the pause of a domain at any moment
LONGEST_PAUSE_SECONDS = 60.0
# what is more urgent is seen between two batches; a turn ends so that the child comes back to its main process
TURN_SECONDS = 10.0


def send_for_a_turn(batch_id: int) -> int:
    """Send a batch, and those that are due next until the turn is over; how many positions were settled here.

    A batch that leaves in a fifth of a second would else cost the broker and the worker's main process more than it
    costs PostgreSQL, and at the end of a turn the child's last windows are waited for with nothing behind them. The
    most urgent is taken each time, also where somebody was woken for it: who finds his batch taken takes the next.
    """
    turn = _Turn(runtime.get())
    # with hundreds of messages in hand each search for garbage looks at them all, 2-3 % of a child's time: it waits
    gc.disable()
    try:
        return turn.run(batch_id, TURN_SECONDS)
    finally:
        gc.enable()
        gc.collect()


def send_batch(batch_id: int | None) -> int:
    """Send what is left of a batch; how many positions were settled here. 0 when it was not ours to send.

    batch_id: None for the most urgent one that is due.
    """
    return _Turn(runtime.get()).run(batch_id, 0.0)


class _Turn:
    """Batches one after the other. While the last windows of one are on their way, the next one begins."""

    def __init__(self, worker: runtime.Runtime) -> None:
        self._worker = worker
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret
        # begun and not yet seen to its end: two at most
        self._under_way: list[tuple[BatchSender, asyncio.Task[None]]] = []
        self._settled = 0

    def run(self, batch_id: int | None, seconds: float) -> int:
        until = time.monotonic() + seconds
        try:
            sender = self._begin(batch_id) or (self._begin(None) if seconds else None)
            while sender is not None:
                self._worker.run(sender.all_claimed())
                self._end_all_but(sender)
                if not sender.has_claimed or time.monotonic() >= until:
                    break
                self._tell_alarms()
                sender = self._begin(None)
        finally:
            # whatever happened to one of them: nothing is left behind with claims open
            self._end_all_but(None)
            self._worker.run(_flush_usage(self._worker))
        return self._settled

    def _begin(self, batch_id: int | None) -> BatchSender | None:
        worker = self._worker
        taken = worker.run(_take(worker, batch_id, self._rng))
        if taken is None:
            return None
        try:
            prepared = worker.prepared(taken.ref.campaign_id, taken.ref.variant)
            known = worker.briefings.read(taken.ref.campaign_id, taken.zone, worker.domains)
            pause = _pause_seconds(worker, known.campaign)
            if pause:
                worker.run(_give_back(worker, taken, pause))
                return None
            agreed = known.terms
            opening = routes.open_route(
                worker, known.campaign, known.pool_id, taken.group, agreed.limits, now=not self._under_way
            )
            route = worker.run(opening)
        except Exception:  # whatever it is: a lease that is kept would hold the batch up for its whole time
            # nothing is claimed yet: the batch goes back and the fault is seen in the log and in Flower
            worker.run(_give_back(worker, taken, NOTHING_WENT_OUT_SECONDS))
            raise
        before = self._under_way[-1][0].claimed if self._under_way else None
        sender = BatchSender(worker, taken, prepared, route, agreed, self._rng, before)
        self._under_way.append((sender, worker.loop.create_task(sender.run())))
        return sender

    def _end_all_but(self, last: BatchSender | None) -> None:
        """See the batches to their end. Raises what one of them raised, when all of them have ended."""
        ending = [one for one in self._under_way if one[0] is not last]
        self._under_way = [one for one in self._under_way if one[0] is last]
        if not ending:
            return
        results = self._worker.run(_ended([task for _, task in ending]))
        self._settled += sum(sender.settled_count for sender, _ in ending)
        self._tell_alarms()
        for fault in filter(None, results):
            raise fault

    def _tell_alarms(self) -> None:
        """Before the next batch: one of them may pause the domain, for batches of other receivers too."""
        if self._worker.alarms.tell():
            self._worker.domains.expire()


async def _flush_usage(worker: runtime.Runtime) -> None:
    try:
        async with worker.working() as connection:
            await worker.usage.flush(connection)
    except DatabaseAway as error:
        logger.warning("counts of providers wait for the next turn: %s", error)


async def _ended(tasks: list[asyncio.Task[None]]) -> list[BaseException | None]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def _pause_seconds(worker: runtime.Runtime, campaign: Campaign) -> float:
    """How long nothing may be sent from the campaign's domain; 0 where it may. A cancelled campaign only drains."""
    if campaign.state == Campaign.State.CANCELLED:
        return 0.0
    return min(worker.domains.pause_seconds(campaign.from_email, datetime.now(UTC)), LONGEST_PAUSE_SECONDS)


async def _take(worker: runtime.Runtime, batch_id: int | None, rng: random.Random) -> lease.Lease | None:
    if stop.is_stopping():
        return None
    async with worker.working() as connection:
        await replay_spool(connection, rng)
        return await lease.take(connection, batch_id, rng)


async def _give_back(worker: runtime.Runtime, taken: lease.Lease, wait_seconds: float) -> None:
    async with worker.working() as connection:
        await lease.release(connection, taken, settled=True, wait_seconds=wait_seconds)


async def replay_spool(connection: AsyncConnection, rng: random.Random) -> None:
    """Record what an earlier worker of this machine had to leave in files."""
    for path in spool.waiting():
        try:
            ref, results = spool.read(path)
            await record.settle_rows(connection, ref, results, rng)
        except FileNotFoundError:
            continue  # another worker child was faster
        except DatabaseAway:
            raise
        except Exception:  # whatever it is, it would stop every batch of this machine; the take-over marks its leads
            logger.exception("%s cannot be replayed and is set aside", path)
            spool.set_aside(path)
            continue
        path.unlink(missing_ok=True)
