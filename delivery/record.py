"""From results to the ledger: the fast road of a first try, and the careful one for everything else."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from delivery import decision_sql, metrics, retry_policies, soft_bounces, sql
from delivery.database import AsyncConnection
from delivery.engine.hours import SendingHours
from delivery.engine.outcome import Kind
from delivery.engine.retry import Policy, settle
from delivery.ledger_rows import accepted_rows, ledger_rows
from delivery.opening import make_hours
from delivery.statement import Statement
from delivery.storable import clean_reply, storable
from delivery.window import Result

# whose retry policy holds for campaigns
STREAM = "marketing"
COUNTERS = ("sent", "deferred", "bounced", "failed", "dead", "skipped", "unknown", "soft_bounced")
NO_COUNTS = dict.fromkeys(COUNTERS, 0)
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


class Entry(NamedTuple):
    """One row for the ledger, without the campaign."""

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


FIELDS = Entry._fields
RECORD_SENT_AND_CLAIM = Statement("record_sent_and_claim", sql.RECORD_SENT_AND_CLAIM)
# what metrics count of an entry
WHO_AND_WHAT = attrgetter("provider_id", "status")


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
        enhanced=storable(outcome.enhanced) if outcome.enhanced else None,
        address_hash=result.address_hash,
        reply=clean_reply(outcome.reply),
        esp_message_id=storable(outcome.esp_message_id) or None,
    )


def tally(entries: Sequence[Entry], before: Mapping[int, str] | None = None) -> dict[str, int]:
    """Net changes by counter: the new statuses, less the old ones of the rows that were there before."""
    counts = dict.fromkeys(COUNTERS, 0)
    for entry in entries:
        counts[counter_of(entry.status)] += 1
        # no row that was there before is a bounce: those are final
        counts["soft_bounced"] += entry.status == "bounced_soft"
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
    parameters = _claim_parameters(ref, token, cursor, want, recorded, counts)
    return _claimed(ref, await (await connection.execute(sql.CLAIM, parameters)).fetchone())


def _claim_parameters(
    ref: BatchRef, token: UUID, cursor: int, want: int, recorded: int, counts: dict[str, int]
) -> dict[str, Any]:
    return {"batch": ref.batch_id, "token": token, "cursor": cursor, "want": want, "recorded": recorded, **counts}


def _claimed(ref: BatchRef, row: tuple[Any, ...] | None) -> Claimed:
    if row is None:
        raise LeaseLost(f"batch {ref.batch_id}")
    new_cursor, state, now, begin, end, weekdays = row
    return Claimed(new_cursor, state, now, make_hours(begin, end, weekdays))


async def record_first_and_claim(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, results: Sequence[Result],
    now: dt.datetime, rng: random.Random,
) -> Claimed:  # fmt: skip
    """The fast road: the outcomes of a first try and the claim of the next window, in one transaction.

    Raises LeaseLost, psycopg.errors.UniqueViolation when rows are there already, and what a lost server raises: in
    each case nothing or everything stands, and `settle_rows` finds out.
    """
    if results and (accepted := accepted_rows(results)):
        claimed = await _claim_with_sent(connection, ref, token, cursor, want, len(results), accepted, now)
        metrics.count_outcomes(STREAM, [(results[0].provider_id, "sent")] * len(results))
        return claimed
    policy = await retry_policies.load_async(connection, STREAM)
    entries = [make_entry(ref, result, 0, now, rng, policy) for result in results]
    if not any(result.outcome.kind is Kind.HARD for result in results):
        # one statement is a transaction by itself
        claimed = await _claim_with(connection, ref, token, cursor, want, entries, now)
    else:
        async with connection.transaction():
            claimed = await _claim_with(connection, ref, token, cursor, want, entries, now)
            await _suppress(connection, ref, results)
    metrics.count_outcomes(STREAM, map(WHO_AND_WHAT, entries))
    return claimed


async def _claim_with_sent(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, sent: int,
    accepted: Mapping[str, Any], now: dt.datetime,
) -> Claimed:  # fmt: skip
    """Write the rows of `accepted_rows` and move the cursor; as `_claim_with`."""
    parameters = _claim_parameters(ref, token, cursor, want, sent, {**NO_COUNTS, "sent": sent})
    common: dict[str, Any] = {"campaign": ref.campaign_id, "at": now, "attempt": ref.attempt, "variant": ref.variant}
    rows = await RECORD_SENT_AND_CLAIM.run(connection, {**parameters, **common, **accepted})
    return _claimed(ref, rows[0] if rows else None)


async def _claim_with(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, entries: Sequence[Entry],
    now: dt.datetime,
) -> Claimed:  # fmt: skip
    """Write the entries and move the cursor, in one statement. Raises as `record_first_and_claim` does."""
    counts = tally(entries)
    if not entries:
        return await claim(connection, ref, token, cursor, want, 0, counts)
    rows = {
        "campaign": ref.campaign_id,
        "at": now,
        "attempt": ref.attempt,
        "variant": ref.variant,
        "rows": ledger_rows(entries),
    }
    claimed = _claim_parameters(ref, token, cursor, want, len(entries), counts)
    cursor_ = await connection.execute(sql.RECORD_AND_CLAIM, {**claimed, **rows})
    return _claimed(ref, await cursor_.fetchone())


async def record_again_and_claim(
    connection: AsyncConnection, ref: BatchRef, token: UUID, cursor: int, want: int, results: Sequence[Result],
    rng: random.Random,
) -> Claimed:  # fmt: skip
    """The careful road with a claim behind it: for retries, resends and batches that were taken over."""
    async with connection.transaction():
        inserted, entries, counts = await _settle(connection, ref, results, rng)
        claimed = await claim(connection, ref, token, cursor, want, inserted, counts)
    metrics.count_outcomes(STREAM, map(WHO_AND_WHAT, entries))
    return claimed


async def settle_rows(
    connection: AsyncConnection, ref: BatchRef, results: Sequence[Result], rng: random.Random
) -> None:
    """The careful road without a lease: for outcomes that a fenced worker, a lost COMMIT or a spool file left.

    Running it twice changes nothing the second time.
    """
    async with connection.transaction():
        inserted, entries, counts = await _settle(connection, ref, results, rng)
        await connection.execute(sql.ADD_COUNTS, {"batch": ref.batch_id, "recorded": inserted, **counts})
    metrics.count_outcomes(STREAM, map(WHO_AND_WHAT, entries))


async def _settle(
    connection: AsyncConnection, ref: BatchRef, results: Sequence[Result], rng: random.Random
) -> tuple[int, list[Entry], dict[str, int]]:
    """Write what the rule of attempts lets through: positions settled for the first time, rows written, net counts."""
    locked = await (await connection.execute(sql.LOCK_BATCH, {"batch": ref.batch_id})).fetchone()
    if locked is None or not results:
        return 0, [], tally([])
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
    await _note_soft_bounces(connection, ref, results, entries)
    before = {lead_id: row[2] for lead_id, row in old.items()}
    first_words = sum(_is_first_word(ref, old.get(entry.lead_id)) for entry in entries)
    return first_words, entries, tally(entries, before)


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


async def _note_soft_bounces(
    connection: AsyncConnection, ref: BatchRef, results: Sequence[Result], entries: Sequence[Entry]
) -> None:
    """Mailboxes that stayed full through all retries count towards a suppression. The fast road has no retries."""
    final = {entry.lead_id for entry in entries if entry.status == "bounced_soft"}
    full = [result.address for result in results if result.lead_id in final and result.address]
    await soft_bounces.note_async(connection, full, f"campaign {ref.campaign_id}")
