"""Sending transactional messages: claim rows, send, record; up to 50 at a time until none is due."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from campaigns import failpoints
from campaigns.addresses import digest, domain_of, mailbox_group
from campaigns.models import Suppression
from delivery import metrics, retry_policies, routes, runtime, soft_bounces, stop
from delivery import sql as delivery_sql
from delivery.addressing import return_path
from delivery.content import bounce_domain_of, message_context
from delivery.database import AsyncConnection, DatabaseAway
from delivery.domain_keys import SigningImpossible
from delivery.domains import Known
from delivery.engine.message import MessageHead
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.retry import Decision, Policy, settle
from delivery.engine.smtp.clock import boottime
from delivery.letters import Letter
from delivery.messages import copies, events, loader, sql, streams
from delivery.messages.loader import Look
from delivery.person import ERASED
from delivery.routes import PoolRoute
from delivery.storable import clean_reply, storable
from delivery.tokens import signer
from delivery.window import skip

logger = logging.getLogger(__name__)

CLAIM_LIMIT = 50
# a round for three messages costs nearly as much as one for thirty: after a small one the next rows may gather
GATHER_SECONDS = 0.1
# a password reset must not wait a minute for a provider that comes back in seconds
NOT_ATTEMPTED_WAIT = timedelta(seconds=5)
RECORD_RETRY_SECONDS = 0.5
STREAM = "transactional"
NO_PROVIDER = routes.not_attempted("no active provider in the pool")
NO_GRANT = routes.WindowGrant(0, 0.0)
UNFORESEEN = Outcome(Kind.UNKNOWN, reply="the worker failed in an unforeseen way; see its log")


@dataclass(slots=True)
class Claimed:
    """One claimed row, in the order of sql.CLAIM.

    letter: as it was handed over, None where it was not.
    """

    id: int
    created_at: datetime
    pool_id: int | None
    to_address: str
    to_name: str
    sender: str
    sender_name: str
    reply_to: str
    content: bytes
    data: dict[str, Any]
    headers: list[list[str]]
    tries: int
    attempt: int
    last_provider_id: int | None
    at_least_once: bool
    due_at: datetime
    stream: str
    tags: list[str]
    metadata: dict[str, Any]
    content_digest: bytes | None
    outcome: Outcome = NO_PROVIDER
    provider_id: int | None = None
    letter: Letter | None = None


def send_due() -> int:
    """Send what is due now; how many messages were settled. Stops early when the worker is shutting down."""
    worker = runtime.get()
    settled = 0
    while not stop.is_stopping():
        worker.domains.refresh()
        streams.book.get()
        token = uuid4()
        rows = worker.run(_claim(worker, token))
        if not rows:
            break
        failpoints.hit("after_message_claim")
        worker.run(_send_and_record(worker, token, rows))
        worker.alarms.tell()
        settled += len(rows)
        if len(rows) < CLAIM_LIMIT // 2:
            time.sleep(GATHER_SECONDS)
    return settled


async def _claim(worker: runtime.Runtime, token: UUID) -> list[Claimed]:
    connection = await worker.work_connection()
    parameters = {"token": token, "lease": settings.LEASE_SECONDS, "limit": CLAIM_LIMIT}
    rows = await (await connection.execute(sql.CLAIM, parameters)).fetchall()
    return [Claimed(*row) for row in rows]


async def _send_and_record(worker: runtime.Runtime, token: UUID, rows: Sequence[Claimed]) -> None:
    until = boottime() + settings.CLAIM_TO_SEND_SECONDS
    by_way: dict[tuple[int | None, str, str, int | None], list[Claimed]] = defaultdict(list)
    for row in rows:
        # retries apart by the provider that they failed with: each goes on to another one
        by_way[row.pool_id, mailbox_group(row.to_address), row.sender, row.last_provider_id].append(row)
    try:
        reading = await worker.read_connection()
        await _mark_suppressed(reading, rows)
        await loader.load(reading, [row.content_digest for row in rows if row.content_digest])
        opened = await routes.open_stream_routes(worker, [way[:3] for way in by_way])
    except DatabaseAway as error:
        logger.warning("%s messages wait, the database went away: %s", len(rows), error)
    else:
        await asyncio.gather(*map(_send_surely, opened, by_way.values(), repeat(until)))
    failpoints.hit("after_message_send")
    await _record(worker, token, rows)
    if worker.usage.is_due:
        await worker.usage.flush(await worker.work_connection())


async def _mark_suppressed(connection: AsyncConnection, rows: Sequence[Claimed]) -> None:
    keys = {row.id: [digest(row.to_address), digest(domain_of(row.to_address))] for row in rows}
    parameters = {
        "digests": [key for pair in keys.values() for key in pair],
        "reasons": [reason.value for reason in Suppression.BINDING],
    }
    found: dict[str, str] = dict(await (await connection.execute(sql.SUPPRESSIONS, parameters)).fetchall())
    for row in rows:
        reason = next((found[key.hex()] for key in keys[row.id] if key.hex() in found), None)
        if reason:
            row.outcome = skip(f"suppressed: {reason}")
        elif row.to_address == ERASED:
            # in hand while its recipient was erased, and deferred after that
            row.outcome = skip("erased")


async def _send_surely(route: PoolRoute, rows: Sequence[Claimed], until: float) -> None:
    """As `_send`, but a fault of ours costs neither the outcomes that are known nor those of other ways."""
    try:
        await _send(route, rows, until)
    except Exception:  # what was sent before it cannot be told, so a person decides
        logger.exception("sending %s messages failed", len(rows))
        for row in rows:
            if row.outcome.kind is Kind.NOT_ATTEMPTED:
                row.outcome = UNFORESEEN


async def _send(route: PoolRoute, rows: Sequence[Claimed], until: float) -> None:
    """Hand over what is not suppressed, as far as the throttle lets it, and what was not attempted once more."""
    for row in rows:
        row.letter = _write(row, until) if row.outcome.kind is not Kind.SKIPPED else None
    left = [(row, row.letter) for row in rows if row.letter]
    way_out, tried = route.window(NO_GRANT), list[int]()
    way_out.avoid = _last_providers(rows)
    while left and (way := await way_out.way(len(left), tried)):
        tried.append(way.provider_id)
        now, later = left[: way.places], left[way.places :]
        outcomes = await way_out.send(way, [letter for _, letter in now])
        for (row, _), outcome in zip(now, outcomes, strict=True):
            row.outcome, row.provider_id = outcome, way.provider_id
        left = [pair for pair in now if pair[0].outcome.kind is Kind.NOT_ATTEMPTED] + later
    await way_out.settle()
    for row, _ in left:
        if row.outcome is NO_PROVIDER:
            row.outcome = routes.not_attempted(way_out.why)


def _last_providers(rows: Sequence[Claimed]) -> tuple[int, ...]:
    """What a retry prefers to avoid: the same for all rows of one way."""
    return tuple({row.last_provider_id for row in rows if row.last_provider_id is not None})


def _write(row: Claimed, until: float) -> Letter | None:
    """The letter of a row; None, with the reason in the row's outcome, where its content cannot be used."""
    head = MessageHead(
        to_address=row.to_address,
        to_name=row.to_name,
        # the same for every attempt: a receiver that sees it twice can tell
        message_id=f"m{row.id:x}@{domain_of(row.sender)}",
        date=datetime.now(UTC),
        headers=tuple((name, value) for name, value in row.headers),
    )
    domain = runtime.get().domains.find(row.sender)
    try:
        template = loader.template(_look(row, domain))
    except SigningImpossible as error:
        row.outcome = routes.not_attempted(str(error))
        return None
    except ValueError as error:
        row.outcome = Outcome(Kind.RENDER_ERROR, reply=str(error))
        return None
    context = message_context(row.id, row.to_address, row.data)
    bounce = signer().sign_base32("bounce", "message", row.id, 0)
    envelope = return_path(bounce, row.sender, bounce_domain_of(domain))
    return Letter(template, context, head, envelope, bounce, until, mailbox_group(row.to_address))


def _look(row: Claimed, domain: Known | None) -> Look:
    return Look(row.content_digest, bytes(row.content), row.sender, row.sender_name, row.reply_to, domain)


async def _record(worker: runtime.Runtime, token: UUID, rows: Sequence[Claimed], *, is_alone: bool = False) -> None:
    """Write the outcomes. While the database is away they are kept; a worker that must leave lets the lease expire.

    What one of them makes impossible costs none of the others: each is written once more, by itself.
    """
    while True:
        try:
            await _record_once(await worker.work_connection(), token, rows)
            return
        except DatabaseAway as error:
            logger.warning("%s outcomes of messages wait for the database: %s", len(rows), error)
        except Exception:  # whatever it is: they are outcomes of messages that somebody has
            logger.exception("outcomes of %s messages could not be recorded", len(rows))
            for row in () if is_alone else rows:
                await _record(worker, token, [row], is_alone=True)
            return
        if stop.is_stopping():
            return
        await asyncio.sleep(RECORD_RETRY_SECONDS)


async def _record_once(connection: AsyncConnection, token: UUID, rows: Sequence[Claimed]) -> None:
    rng = random.Random()  # noqa: S311 - jitter, not a secret
    async with connection.transaction():
        clock = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        now: datetime = clock[0] if clock else datetime.now(UTC)
        policy = await retry_policies.load_async(connection, STREAM)
        decisions = [_decide(row, now, rng, policy) for row in rows]
        parameters: dict[str, Any] = {
            "token": token,
            "id": [row.id for row in rows],
            "created_at": [row.created_at for row in rows],
            "status": [decision.status for decision in decisions],
            "tries": [row.tries + one.counts_as_try for row, one in zip(rows, decisions, strict=True)],
            "due_at": [decision.due_at for decision in decisions],
            "provider_id": [row.provider_id for row in rows],
            "code": [row.outcome.code for row in rows],
            "enhanced": [row.outcome.enhanced for row in rows],
            "reply": [clean_reply(row.outcome.reply) for row in rows],
            "esp_message_id": [storable(row.outcome.esp_message_id) or None for row in rows],
        }
        changed = await (await connection.execute(sql.RECORD, parameters)).fetchall()
        await events.tell_async(connection, [events.Change(*one) for one in changed])
        await copies.store(connection, _copied(rows, decisions))
        hard = [row.to_address for row in rows if row.outcome.kind is Kind.HARD]
        if hard:
            await connection.execute(delivery_sql.SUPPRESS, {"addresses": hard, "source": "transactional mail"})
        for row, decision in zip(rows, decisions, strict=True):
            if decision.status == "bounced_soft":
                await soft_bounces.note_async(connection, [row.to_address], f"message {row.id}")
    _count(rows, decisions, now)


def _count(rows: Sequence[Claimed], decisions: Sequence[Decision], now: datetime) -> None:
    """What became of the rows, and how long the accepted ones took from the moment they were due."""
    providers, statuses = (row.provider_id for row in rows), (decision.status for decision in decisions)
    metrics.count_outcomes(STREAM, zip(providers, statuses, strict=True))
    for row in rows:
        if row.outcome.kind is Kind.ACCEPTED:
            metrics.observe(metrics.LATENCY, max(0.0, (now - row.due_at).total_seconds()), stream=STREAM)


def _copied(rows: Sequence[Claimed], decisions: Sequence[Decision]) -> list[copies.Copied]:
    """Of which messages a copy is kept: those that a server may have seen, and that are not tried again."""
    return [
        copies.Copied(row.id, days, row.letter)
        for row, decision in zip(rows, decisions, strict=True)
        if row.letter and row.provider_id and decision.status not in ("deferred", "dead")
        if (days := streams.known(row.stream).copy_days)
    ]


def _decide(row: Claimed, now: datetime, rng: random.Random, policy: Policy) -> Decision:
    if row.outcome.kind is Kind.UNKNOWN and row.at_least_once and row.tries < policy.transient_retries:
        # its sender prefers a second copy to none: tried again as after a temporary failure, by the same Message-ID
        return settle(replace(row.outcome, kind=Kind.TRANSIENT), row.tries, now, rng, policy)
    due_at = now + NOT_ATTEMPTED_WAIT if row.outcome.kind is Kind.NOT_ATTEMPTED else None
    return settle(row.outcome, row.tries, now, rng, policy, due_at=due_at)
