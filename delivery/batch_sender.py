"""One batch on its way through a worker child: claim, send, record, until it is through.

A position is claimed by exactly one committed UPDATE and sent only by its claimer, whatever clocks, leases and the
broker do. Nothing here raises with claims open.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
from django.conf import settings
from redis.exceptions import RedisError

from campaigns import failpoints
from delivery import bound, frequency, lease, metrics, record, runtime, spool, stop
from delivery.claimed import Claimed
from delivery.content import Prepared
from delivery.database import AsyncConnection, DatabaseAway
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.lead_letter import Assignment
from delivery.retry_window import sort_positions
from delivery.routes import PoolRoute, WindowGrant
from delivery.terms import Terms
from delivery.window import UNREAD, Result, send_window, skip
from delivery.window_route import WindowRoute

logger = logging.getLogger(__name__)

# a wait longer than this gives the worker's slot back
PATIENCE_SECONDS = 2.0
# nobody could be reached: let others have the slot, and the provider some peace
NOTHING_WENT_OUT_SECONDS = 10.0
RECORD_RETRY_SECONDS = 1.0
NOTHING = WindowGrant(0, 0.0)
# a campaign that is held up by a limit lets others have its worker after this time
SLICE_SECONDS = 2.0
UNFORESEEN = Outcome(Kind.UNKNOWN, reply="the worker failed in an unforeseen way; see its log")


@dataclass(frozen=True, slots=True)
class WindowDone:
    """claimed: positions of the window. results: one for each, but for those that a retry found settled elsewhere."""

    claimed: int
    results: list[Result]


class BatchSender:
    """One batch on its way through this worker child."""

    def __init__(
        self,
        worker: runtime.Runtime,
        taken: lease.Lease,
        prepared: Prepared,
        route: PoolRoute,
        agreed: Terms,
        rng: random.Random,
        before: Claimed | None = None,
    ) -> None:
        """before: what a batch of this child holds that has nothing left to claim and may still be on its way."""
        self._worker = worker
        self._lease = taken
        self._ref = taken.ref
        self._route = route
        self._rng = rng
        self._terms = agreed
        self._work = Assignment(
            taken.ref.campaign_id, taken.list_id, taken.ref.attempt, prepared, agreed.cap, taken.group,
            taken.lead_ids if taken.ref.kind == "first" else (),
        )  # fmt: skip
        self._cursor = taken.cursor
        self._running: set[asyncio.Task[WindowDone]] = set()
        self._settled: list[Result] = []
        self._lost = asyncio.Event()
        # a first batch that nobody worked on before has no row in the ledger: the fast road is open
        self._is_fresh = taken.ref.kind == "first" and taken.cursor == 0
        self._may_claim = True
        self._trusted = True
        self._wait_seconds = 0.0
        self._has_slept = False
        self._began = time.monotonic()
        self._clock = taken.taken_at - timedelta(seconds=time.monotonic())
        self._closes_at = agreed.closes_at(taken.taken_at)
        self._is_closed = False
        most = bound.most_claimed(settings.CLAIMED_LIMIT, prepared.template.static_size, settings.RENDERED_BYTES_LIMIT)
        window = bound.window_size(settings.WINDOW_SIZE, most)
        self.claimed = Claimed(window, most, before)
        self._stride = worker.stride(route.pool_id, taken.group)
        self._all_claimed = asyncio.Event()
        self.settled_count = 0

    @property
    def has_claimed(self) -> bool:
        return self._cursor > self._lease.cursor

    async def all_claimed(self) -> None:
        """Wait until there is nothing more to claim, or the end."""
        await self._all_claimed.wait()

    async def run(self) -> None:
        """Claim, send and record until the batch is through, the worker stops, or the lease is lost."""
        try:
            await self._run()
        finally:
            self.claimed.end()
            self._all_claimed.set()

    async def _run(self) -> None:
        heartbeat = asyncio.create_task(lease.keep(self._lease, self._worker.pulse_connection, self._lost))
        try:
            while await self._step():
                pass
        except Exception:  # whatever it is: outcomes that are known must not be lost with it
            # a fault of ours: what became of the windows goes to a file, for the next batch of this machine to record
            await self._save_outcomes()
            raise
        finally:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)
        await self._finish()

    async def _step(self) -> bool:
        """One turn: record what is settled together with the next claim, or wait for a window. False at the end."""
        may_claim = self._may_claim_more()
        if not may_claim:
            self._all_claimed.set()
        grant = await self._granted()
        if grant.places or self._settled:
            await self._record_and_claim(grant)
            return True
        if self._running or (may_claim and self.claimed.before is not None and not self._has_slept):
            await self.claimed.wait(self._running)
            self._take_finished()
            return True
        return self._has_slept

    def _take_finished(self) -> None:
        for task in [task for task in self._running if task.done()]:
            self._running.remove(task)
            self._take_results(task.result())

    async def _save_outcomes(self) -> None:
        """Wait for the windows that are under way, and write to a file what is not recorded."""
        for done in await asyncio.gather(*self._running, return_exceptions=True):
            if isinstance(done, WindowDone):
                self._settled += done.results
        if self._settled:
            spool.write(self._ref, self._settled)

    def _take_results(self, done: WindowDone) -> None:
        results = done.results
        self._settled += results
        self._note_settled(done.claimed - len(results))
        if results and all(result.outcome.kind is Kind.NOT_ATTEMPTED for result in results):
            self._may_claim = False
            self._wait_seconds = max(self._wait_seconds, NOTHING_WENT_OUT_SECONDS)

    # --- claim

    def _may_claim_more(self) -> bool:
        has_more = self._cursor < self._lease.size
        return has_more and self._may_claim and not self._lost.is_set() and not stop.is_stopping()

    def _room(self) -> int:
        """How many positions the next claim may have: by what is left, and by the bound on unknowns."""
        if not self._may_claim_more():
            return 0
        # what a limit counts is shared by all children, a window for each in turn
        windows = self._stride.windows if self._route.is_free else 1
        wanted = min(self.claimed.size(windows), self._lease.size - self._cursor)
        # a claim cut short by the bound would cost as much as a whole one: wait for more room
        return wanted if self.claimed.room(len(self._settled)) >= wanted else 0

    async def _granted(self) -> WindowGrant:
        """What may be claimed now and by which provider it goes; asked before the claim, so that no claim waits."""
        self._has_slept = False
        want = self._room()
        if want <= 0:
            return NOTHING
        if self._terms.is_cancelled:
            # nothing of it leaves: no limit and no provider has a say in how fast it drains
            return WindowGrant(want, 0.0)
        if self._closes_at is not None and self._clock + timedelta(seconds=time.monotonic()) >= self._closes_at:
            self._is_closed = True
            return self._give_slot_back(0.0)
        try:
            await self._route.refresh()
            if self._worker.usage.is_due:
                await self._worker.usage.flush(await self._worker.read_connection())
            if not self._route.members:
                logger.warning("campaign %s: no active provider in its pool", self._ref.campaign_id)
                return self._give_slot_back(NOTHING_WENT_OUT_SECONDS)
            grant = await self._route.take_ahead(want, self._lease.size - self._cursor)
        except (RedisError, *DatabaseAway) as error:
            logger.warning("no throttle without Redis and database, nothing is claimed: %s", error)
            return self._give_slot_back(NOTHING_WENT_OUT_SECONDS)
        if grant.places:
            return grant
        if grant.wait_seconds > PATIENCE_SECONDS or time.monotonic() - self._began > SLICE_SECONDS:
            return self._give_slot_back(grant.wait_seconds)
        if not self._settled and not self._running:
            await asyncio.sleep(grant.wait_seconds)
            self._has_slept = True
        return grant

    def _give_slot_back(self, wait_seconds: float) -> WindowGrant:
        self._may_claim = False
        self._wait_seconds = max(self._wait_seconds, wait_seconds)
        return NOTHING

    # --- record, and the claim that rides with it

    async def _record_and_claim(self, grant: WindowGrant) -> None:
        results, self._settled = self._settled, []
        started = boottime()
        try:
            claimed = await self._commit(grant.places, results)
        except record.LeaseLost:
            logger.warning("batch %s was taken over: nothing more is claimed", self._ref.batch_id)
            self._lost.set()
            await self._settle_surely(results)
        except psycopg.errors.UniqueViolation:
            self._is_fresh = False
            await self._settle_surely(results)
        except DatabaseAway as error:
            # the COMMIT may have gone through: its claim is not read back, the take-over will mark it
            logger.warning("batch %s: the database went away in a claim: %s", self._ref.batch_id, error)
            self._trusted = self._may_claim = False
            await self._settle_surely(results)
        except Exception:  # whatever it is: `run` writes the outcomes in hand to a file before it goes on
            self._settled = results
            raise
        else:
            used = self._after_claim(claimed, grant, started, len(results))
            await self._route.give_back(grant, grant.places - used)
            return
        await self._route.give_back(grant, grant.places)
        self._note_settled(len(results))

    async def _commit(self, want: int, results: Sequence[Result]) -> record.Claimed:
        async with self._worker.working() as connection:
            if self._is_fresh:
                now = self._clock + timedelta(seconds=time.monotonic())
                return await record.record_first_and_claim(
                    connection, self._ref, self._lease.token, self._cursor, want, results, now, self._rng
                )
            return await record.record_again_and_claim(
                connection, self._ref, self._lease.token, self._cursor, want, results, self._rng
            )

    def _after_claim(self, claimed: record.Claimed, grant: WindowGrant, started: float, recorded: int) -> int:
        """Start the window that was claimed; how many positions it has."""
        if grant.places:
            failpoints.hit("after_claim")
        self._note_settled(recorded)
        self._clock = claimed.now - timedelta(seconds=time.monotonic())
        first, self._cursor = self._cursor, claimed.cursor
        positions = self._lease.lead_ids[first : claimed.cursor]
        if claimed.campaign_state == "paused":
            self._may_claim = False
        self._follow_hours(claimed)
        if positions:
            self.claimed.add(len(positions))
            self._running.add(asyncio.create_task(self._send(positions, claimed.campaign_state, grant, started)))
        return len(positions)

    def _follow_hours(self, claimed: record.Claimed) -> None:
        """Hours that were changed hold from the next claim on; a cancelled campaign drains at any hour."""
        is_cancelled = claimed.campaign_state == "cancelled"
        hours = None if is_cancelled else claimed.hours
        if (hours, is_cancelled) != (self._terms.hours, self._terms.is_cancelled):
            self._terms = replace(self._terms, hours=hours, is_cancelled=is_cancelled)
            self._closes_at = self._terms.closes_at(claimed.now)

    def _note_settled(self, count: int) -> None:
        self.claimed.settle(count)
        self.settled_count += count

    async def _settle_surely(self, results: Sequence[Result]) -> None:
        """Record outcomes by the careful road, as long as it takes; a worker that must leave writes them to a file."""
        while results:
            try:
                async with self._worker.working() as connection:
                    await record.settle_rows(connection, self._ref, results, self._rng)
                return
            except DatabaseAway as error:
                logger.warning("%s outcomes wait for the database: %s", len(results), error)
            except Exception:  # as above
                self._settled = list(results)
                raise
            if stop.is_stopping():
                spool.write(self._ref, results)
                return
            await asyncio.sleep(RECORD_RETRY_SECONDS * self._rng.uniform(0.5, 1.5))

    # --- send

    async def _send(
        self, positions: list[int], campaign_state: str, grant: WindowGrant, claimed_at: float
    ) -> WindowDone:
        """Outcomes for the claimed positions, one each, whatever happens; no transaction is open."""
        if campaign_state == "cancelled":
            await self._route.give_back(grant, len(positions))
            return WindowDone(len(positions), [Result(lead_id, skip("cancelled")) for lead_id in positions])
        try:
            results = await self._send_positions(positions, grant, claimed_at)
        except Exception:  # a fault of ours: what was sent before it cannot be told, so a person decides
            logger.exception("batch %s: a window failed", self._ref.batch_id)
            results = [Result(lead_id, UNFORESEEN) for lead_id in positions]
        accepted = sum(result.outcome.kind is Kind.ACCEPTED for result in results)
        seconds = boottime() - claimed_at
        self._stride.answered(seconds, self._route.latency_seconds)
        metrics.observe(metrics.LATENCY, seconds, accepted, stream="marketing")
        failpoints.hit("after_send")
        return WindowDone(len(positions), results)

    async def _send_positions(self, positions: list[int], grant: WindowGrant, claimed_at: float) -> list[Result]:
        # what is granted beyond the claim was given back with it
        route = self._route.window(replace(grant, places=len(positions)))
        try:
            results = await self._send_by(route, positions, claimed_at)
        finally:
            await route.settle()
        if self._ref.kind != "resend":
            # a resend keeps the place of the first copy: that may have arrived
            await self._release_unused(results)
        return results

    async def _release_unused(self, results: Sequence[Result]) -> None:
        """Give back the places of the frequency cap that no letter took. A lost database leaves them taken."""
        placed = [result for result in results if result.has_place]
        idle = [result.lead_id for result in placed if result.outcome.kind not in frequency.KEEPS_PLACE]
        if not idle:
            return
        try:
            await frequency.release(await self._worker.read_connection(), self._ref.campaign_id, idle)
        except DatabaseAway as error:
            logger.warning("%s places of the frequency cap stay taken: %s", len(idle), error)

    async def _send_by(self, route: WindowRoute, positions: list[int], claimed_at: float) -> list[Result]:
        try:
            connection = await self._worker.read_connection()
            by_last_provider = await self._sorted(connection, positions)
        except DatabaseAway as error:
            # nothing is handed over yet; later on a lost database is no proof of that, and send_window sees to it
            logger.warning("batch %s: a window could not be read: %s", self._ref.batch_id, error)
            return [Result(lead_id, UNREAD) for lead_id in positions]
        results: list[Result] = []
        for last_provider, lead_ids in by_last_provider.items():
            route.avoid = (last_provider,) if last_provider else ()
            results += await send_window(connection, self._work, lead_ids, route, claimed_at)
        return results

    async def _sorted(self, connection: AsyncConnection, positions: list[int]) -> Mapping[int | None, list[int]]:
        """Leads to send to, by the provider that their last attempt used."""
        if self._ref.kind == "first":
            return {None: positions}
        return (await sort_positions(connection, self._ref, positions)).by_last_provider

    # --- the end

    async def _finish(self) -> None:
        """Give the batch back. What was claimed without an answer stays claimed: the take-over marks it."""
        while True:
            try:
                await self._route.settle_ahead()
                async with self._worker.working() as connection:
                    if self._worker.usage.is_due:
                        await self._worker.usage.flush(connection)
                    await self._release(connection)
                return
            except DatabaseAway as error:
                logger.warning("batch %s could not be given back yet: %s", self._ref.batch_id, error)
            if stop.is_stopping():
                return
            await asyncio.sleep(RECORD_RETRY_SECONDS)

    async def _release(self, connection: AsyncConnection) -> None:
        if self._is_closed:
            await lease.release_closed(connection, self._lease, settled=self._trusted)
            return
        await lease.release(connection, self._lease, settled=self._trusted, wait_seconds=self._wait_seconds)
