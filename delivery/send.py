"""Sending one batch: lease, claim, send, record.

A position is claimed by exactly one committed UPDATE and sent only by its claimer, whatever clocks, leases and the
broker do. Nothing here raises with claims open.
"""

from __future__ import annotations

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
# what was published meanwhile waits no longer than this and one batch
TURN_SECONDS = 1.0


def send_for_a_turn(batch_id: int) -> int:
    """Send a batch, and those that are due next until the turn is over; how many positions were settled here.

    A batch that leaves in a fifth of a second would else cost the broker and the worker's main process more than it
    costs PostgreSQL. The order of urgent and other batches changes with each of them.
    """
    until = time.monotonic() + TURN_SECONDS
    settled = total = send_batch(batch_id)
    while settled and time.monotonic() < until:
        settled = send_batch(None)
        total += settled
    return total


def send_batch(batch_id: int | None) -> int:
    """Send what is left of a batch; how many positions were settled here. 0 when it was not ours to send.

    batch_id: None for the most urgent one that is due and that nobody was woken for.
    """
    worker = runtime.get()
    rng = random.Random()  # noqa: S311 - jitter, not a secret
    taken = worker.run(_take(worker, batch_id, rng))
    if taken is None:
        return 0
    try:
        prepared = worker.prepared(taken.ref.campaign_id, taken.ref.variant)
        known = worker.briefings.read(taken.ref.campaign_id, taken.zone, worker.domains)
        pause = _pause_seconds(worker, known.campaign)
        if pause:
            worker.run(_give_back(worker, taken, pause))
            return 0
        agreed = known.terms
        route = worker.run(routes.open_route(worker, known.campaign, known.pool_id, taken.group, agreed.limits))
    except Exception:  # whatever it is: a lease that is kept would hold the batch up for its whole time
        # nothing is claimed yet: the batch goes back and the fault is seen in the log and in Flower
        worker.run(_give_back(worker, taken, NOTHING_WENT_OUT_SECONDS))
        raise
    sender = BatchSender(worker, taken, prepared, route, agreed, rng)
    worker.run(sender.run())
    if worker.alarms.tell():
        # one of them may have paused the domain
        worker.domains.expire()
    return sender.settled_count


def _pause_seconds(worker: runtime.Runtime, campaign: Campaign) -> float:
    """How long nothing may be sent from the campaign's domain; 0 where it may. A cancelled campaign only drains."""
    if campaign.state == Campaign.State.CANCELLED:
        return 0.0
    return min(worker.domains.pause_seconds(campaign.from_email, datetime.now(UTC)), LONGEST_PAUSE_SECONDS)


async def _take(worker: runtime.Runtime, batch_id: int | None, rng: random.Random) -> lease.Lease | None:
    if stop.is_stopping():
        return None
    connection = await worker.work_connection()
    await replay_spool(connection, rng)
    return await lease.take(connection, batch_id, rng)


async def _give_back(worker: runtime.Runtime, taken: lease.Lease, wait_seconds: float) -> None:
    connection = await worker.work_connection()
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
