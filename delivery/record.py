"""From results to the ledger: the fast road of a first try, and the careful one for everything else."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from delivery import decision_sql, retry_policies, sql
from delivery.database import AsyncConnection
from delivery.engine.hours import SendingHours
from delivery.engine.outcome import Kind
from delivery.engine.retry import Policy, settle
from delivery.opening import make_hours
from delivery.window import Result

REPLY_LIMIT = 500
# whose retry policy holds for campaigns
STREAM = "marketing"
COUNTERS = ("sent", "deferred", "bounced", "failed", "dead", "skipped", "unknown")
# what a resend that was not attempted leaves behind: the row stays unknown
NOT_TRIED = frozenset({Kind.SKIPPED, Kind.NOT_ATTEMPTED, Kind.RENDER_ERROR})


class LeaseLost(Exception):
    """Another worker has the batch, or nobody: claim nothing more, settle what is in hand by `settle_rows`."""


@dataclass(frozen=True, slots=True)
class BatchRef:
    """Which batch results belong to; enough to record them after a restart."""

    batch_id: int
    campaign_id: int
    kind: str
    attempt: int
    variant: int


@dataclass(slots=True)
class Entry:
    """One row for the ledger, in the order of sql.COPY_EMAIL without the campaign."""

    lead_id: int
    at: dt.datetime
    due_at: dt.datetime | None
    attempt: int
    provider_id: int | None
    tries: int
    variant: int
    code: int | None
    status: str
    enhanced: str | None
    address_hash: bytes | None
    reply: str | None
    esp_message_id: str | None


FIELDS = tuple(Entry.__slots__)


def clean_reply(reply: str) -> str | None:
    """The server's words as they are stored. PostgreSQL's text takes no NUL, and a server may send one."""
    return reply.replace("\0", "")[:REPLY_LIMIT] or None


def counter_of(status: str) -> str:
    """The number that a ledger status counts in."""
    return "bounced" if status.startswith("bounced_") else status


def make_entry(
    ref: BatchRef, result: Result, tries: int, now: dt.datetime, rng: random.Random, policy: Policy
) -> Entry:
    """The row that says what became of one position. tries: real attempts made before this one."""
    outcome = result.outcome
    decision = settle(outcome, tries, now, rng, policy)
    return Entry(
        lead_id=result.lead_id,
        at=now,
        due_at=decision.due_at,
        attempt=ref.attempt,
        provider_id=result.provider_id,
        tries=tries + decision.counts_as_try,
        variant=ref.variant,
        code=outcome.code,
        status=decision.status,
        enhanced=outcome.enhanced,
        address_hash=result.address_hash,
        reply=clean_reply(outcome.reply),
        esp_message_id=outcome.esp_message_id or None,
    )


def tally(entries: Sequence[Entry], before: Mapping[int, str] | None = None) -> dict[str, int]:
    """Net changes by counter: the new statuses, less the old ones of the rows that were there before."""
    counts = dict.fromkeys(COUNTERS, 0)
    for entry in entries:
        counts[counter_of(entry.status)] += 1
        if before and entry.lead_id in before:
            counts[counter_of(before[entry.lead_id])] -= 1
    return counts


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim gave. cursor: positions below it are claimed. now: the database's clock. hours: as they are now."""

    cursor: int
    campaign_state: str
    now: dt.datetime
    hours: SendingHours


async def claim(
    connection: AsyncConnection,
    ref: BatchRef,
    token: UUID,
    cursor: int,
    want: int,
    recorded: int,
    counts: dict[str, int],
) -> Claimed:
    """Move the cursor over the next window and add the counts, in the caller's transaction. Raises LeaseLost."""
    parameters = {"batch": ref.batch_id, "token": token, "cursor": cursor, "want": want, "recorded": recorded, **counts}
    row = await (await connection.execute(sql.CLAIM, parameters)).fetchone()
    if row is None:
        raise LeaseLost(f"batch {ref.batch_id}")
    new_cursor, state, now, begin, end, weekdays = row
    return Claimed(new_cursor, state, now, make_hours(begin, end, weekdays))


async def record_first_and_claim(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, results: Sequence[Result],
    now: dt.datetime, rng: random.Random,
) -> Claimed:  # fmt: skip
    """The fast road: COPY the outcomes of a first try and claim the next window, in one transaction.

    Raises LeaseLost, psycopg.errors.UniqueViolation when rows are there already, and what a lost server raises: in
    each case nothing or everything stands, and `settle_rows` finds out.
    """
    policy = await retry_policies.load_async(connection, STREAM)
    entries = [make_entry(ref, result, 0, now, rng, policy) for result in results]
    async with connection.transaction():
        claimed = await claim(connection, ref, token, cursor, want, len(entries), tally(entries))
        if entries:
            async with connection.cursor() as cursor_, cursor_.copy(sql.COPY_EMAIL) as copy:
                for entry in entries:
                    await copy.write_row((ref.campaign_id, *(getattr(entry, name) for name in FIELDS)))
            await _suppress(connection, ref, results)
    return claimed


async def record_again_and_claim(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, results: Sequence[Result],
    rng: random.Random,
) -> Claimed:  # fmt: skip
    """The careful road with a claim behind it: for retries, resends and batches that were taken over."""
    async with connection.transaction():
        inserted, counts = await _settle(connection, ref, results, rng)
        return await claim(connection, ref, token, cursor, want, inserted, counts)


async def settle_rows(
    connection: AsyncConnection, ref: BatchRef, results: Sequence[Result], rng: random.Random
) -> None:
    """The careful road without a lease: for outcomes that a fenced worker, a lost COMMIT or a spool file left.

    Running it twice changes nothing the second time.
    """
    async with connection.transaction():
        inserted, counts = await _settle(connection, ref, results, rng)
        await connection.execute(sql.ADD_COUNTS, {"batch": ref.batch_id, "recorded": inserted, **counts})


async def _settle(
    connection: AsyncConnection, ref: BatchRef, results: Sequence[Result], rng: random.Random
) -> tuple[int, dict[str, int]]:
    """Write what the rule of attempts lets through; positions settled for the first time, and the net counts."""
    locked = await (await connection.execute(sql.LOCK_BATCH, {"batch": ref.batch_id})).fetchone()
    if locked is None or not results:
        return 0, tally([])
    leads = sorted(result.lead_id for result in results)
    rows = await connection.execute(sql.OLD_ROWS, {"campaign": ref.campaign_id, "leads": leads})
    old = {row[0]: row for row in await rows.fetchall()}
    policy = await retry_policies.load_async(connection, STREAM)
    entries = [
        make_entry(ref, result, old[result.lead_id][3] if result.lead_id in old else 0, locked[0], rng, policy)
        for result in results
        if _may_write(ref, result, old.get(result.lead_id))
    ]
    if ref.kind == "resend":
        await _note_not_resent(connection, ref, results)
    written = await _upsert(connection, ref.campaign_id, entries)
    entries = [entry for entry in entries if entry.lead_id in written]
    await _suppress(connection, ref, [result for result in results if result.lead_id in written])
    before = {lead_id: row[2] for lead_id, row in old.items()}
    return sum(_is_first_word(ref, old.get(entry.lead_id)) for entry in entries), tally(entries, before)


def _may_write(ref: BatchRef, result: Result, old: tuple[Any, ...] | None) -> bool:
    """The rule of attempts, and the one exception: a resend that was not tried leaves its row unknown."""
    if ref.kind == "resend" and result.outcome.kind in NOT_TRIED:
        return False
    if old is None:
        return True
    _, attempt, status, _ = old
    return bool(attempt < ref.attempt or (attempt == ref.attempt and status == "unknown"))


def _is_first_word(ref: BatchRef, old: tuple[Any, ...] | None) -> bool:
    """True where this batch had not settled the position before: for a first batch, a row that is new."""
    return old is None if ref.kind == "first" else old is None or old[1] < ref.attempt


async def _note_not_resent(connection: AsyncConnection, ref: BatchRef, results: Sequence[Result]) -> None:
    """A resend that was not tried leaves status and numbers alone, but says why in its row."""
    idle = [result for result in results if result.outcome.kind in NOT_TRIED]
    if idle:
        parameters = {
            "campaign": ref.campaign_id,
            "attempt": ref.attempt,
            "leads": [result.lead_id for result in idle],
            "reasons": [clean_reply(result.outcome.reply) or "" for result in idle],
        }
        await connection.execute(decision_sql.NOTE_NOT_RESENT, parameters)


async def _upsert(connection: AsyncConnection, campaign_id: int, entries: Sequence[Entry]) -> set[int]:
    if not entries:
        return set()
    columns = {name: [getattr(entry, name) for entry in entries] for name in FIELDS}
    rows = await connection.execute(sql.UPSERT_EMAIL, {"campaign": campaign_id, **columns})
    return {row[0] for row in await rows.fetchall()}


async def _suppress(connection: AsyncConnection, ref: BatchRef, results: Sequence[Result]) -> None:
    """A hard bounce suppresses the address in the transaction that records it."""
    hard = [result for result in results if result.outcome.kind is Kind.HARD and result.address]
    if not hard:
        return
    parameters = {"addresses": [result.address for result in hard], "source": f"campaign {ref.campaign_id}"}
    await connection.execute(sql.SUPPRESS, parameters)
    await connection.execute(sql.MARK_BOUNCED, {"leads": [result.lead_id for result in hard]})
