"""Taking a batch, keeping it, giving it back."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from delivery import sql
from delivery.database import AsyncConnection, DatabaseAway
from delivery.engine.outcome import Kind, Outcome
from delivery.opening import zone_of
from delivery.record import BatchRef, settle_rows
from delivery.statement import Statement
from delivery.terms import seconds_until_open
from delivery.window import Result

logger = logging.getLogger(__name__)
LEASE_NEXT_FRESH = Statement("lease_next_fresh", sql.LEASE_NEXT_FRESH)
RELEASE = Statement("release", sql.RELEASE)


@dataclass(slots=True)
class Lease:
    """A batch that this worker may claim from, as long as its token stands in the row.

    zone: whose hours count, "" for the installation's. taken_at: by the database's clock.
    """

    ref: BatchRef
    token: UUID
    lead_ids: list[int]
    size: int
    cursor: int
    list_id: int | None
    group: str
    zone: str
    taken_at: dt.datetime


async def take(connection: AsyncConnection, batch_id: int | None, rng: random.Random) -> Lease | None:
    """Lease the batch by compare-and-set; None when it is done, leased, not due or its campaign may not send.

    batch_id: None for the most urgent one; None comes back where none is due.
    Taking over marks every position that was claimed and not recorded as unknown, in the same transaction.
    """
    token = uuid4()
    parameters = {"batch": batch_id, "token": token, "lease": settings.LEASE_SECONDS}
    if batch_id is None and (rows := await LEASE_NEXT_FRESH.run(connection, parameters)):
        return _lease(token, rows[0])
    async with connection.transaction():
        statement = sql.LEASE_NEXT if batch_id is None else sql.LEASE
        row = await (await connection.execute(statement, parameters)).fetchone()
        if row is None:
            return None
        lease = _lease(token, row)
        if lease.cursor:
            await _mark_unknown(connection, lease.ref, lease.lead_ids[: lease.cursor], rng)
    return lease


def _lease(token: UUID, row: tuple[Any, ...]) -> Lease:
    batch_id, campaign_id, kind, attempt, variant, *rest = row
    return Lease(BatchRef(batch_id, campaign_id, kind, attempt, variant), token, *rest)


async def _mark_unknown(connection: AsyncConnection, ref: BatchRef, lead_ids: list[int], rng: random.Random) -> None:
    lost = Outcome(Kind.UNKNOWN, reply="the worker that claimed it was lost before it recorded an outcome")
    rows = await connection.execute(sql.LAST_ATTEMPTS, {"campaign": ref.campaign_id, "leads": lead_ids})
    settled = {row[0] for row in await rows.fetchall() if row[2] >= ref.attempt}
    missing = [lead_id for lead_id in lead_ids if lead_id not in settled]
    if missing:
        logger.warning("batch %s taken over: %s positions become unknown", ref.batch_id, len(missing))
        await settle_rows(connection, ref, [Result(lead_id, lost) for lead_id in missing], rng)


async def release(connection: AsyncConnection, lease: Lease, *, settled: bool, wait_seconds: float = 0.0) -> str | None:
    """Give the batch back, done if nothing is left; None when it was not ours any more.

    settled: every position claimed by this worker stands in the ledger. If not, the take-over marks the rest.
    """
    parameters: dict[str, Any] = {
        "batch": lease.ref.batch_id, "token": lease.token, "settled": settled, "wait": wait_seconds,
    }  # fmt: skip
    rows = await RELEASE.run(connection, parameters)
    return rows[0][0] if rows else None


async def release_closed(connection: AsyncConnection, lease: Lease, *, settled: bool) -> str | None:
    """Give the batch back until its hours open again; as `release`."""
    async with connection.transaction():
        wait = await seconds_until_open(connection, lease.ref.campaign_id, zone_of(lease.zone))
        return await release(connection, lease, settled=settled, wait_seconds=wait)


async def keep(lease: Lease, connect: Callable[[], Awaitable[AsyncConnection]], lost: asyncio.Event) -> None:
    """Renew the lease until cancelled; sets `lost` when somebody else has it."""
    parameters = {"batch": lease.ref.batch_id, "token": lease.token, "lease": settings.LEASE_SECONDS}
    while True:
        await asyncio.sleep(settings.HEARTBEAT_SECONDS)
        try:
            cursor = await (await connect()).execute(sql.HEARTBEAT, parameters)
        except DatabaseAway as error:
            logger.warning("heartbeat of batch %s failed: %s", lease.ref.batch_id, error)
            continue
        if cursor.rowcount == 0:
            lost.set()
            return
