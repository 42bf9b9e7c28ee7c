"""One window: the claimed leads, read fresh, written to, handed over; each ends in exactly one result."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from campaigns.addresses import address_hash
from delivery import frequency
from delivery.database import AsyncConnection, DatabaseAway
from delivery.engine.outcome import Kind, Outcome
from delivery.engine.smtp.clock import boottime
from delivery.lead_letter import Assignment, LeadLetter, Moment
from delivery.routes import not_attempted
from delivery.window_route import WindowRoute

logger = logging.getLogger(__name__)

# suppression and subscription are read at most this long before MAIL
FRESH_SECONDS = 5.0
UNREAD = Outcome(Kind.NOT_ATTEMPTED, reply="the database was away")
NOT_SUBSCRIBED = {"bounced": "bounced before", "complained": "complained before", "pending": "not confirmed yet"}
NOT_ON_LIST = {"unsubscribed": "unsubscribed from the list", "unconfirmed": "not confirmed yet"}


@dataclass(slots=True)
class Result:
    """What became of one claimed position. address: only where the outcome suppresses it.

    has_place: a place under a frequency cap was taken for it.
    """

    lead_id: int
    outcome: Outcome
    provider_id: int | None = None
    address_hash: bytes | None = None
    address: str = ""
    has_place: bool = False


# a letter and the place for what becomes of it
Pair = tuple[Result, LeadLetter]


def skip(reason: str) -> Outcome:
    return Outcome(Kind.SKIPPED, reply=reason)


ERASED = skip("erased")


def ineligible(
    status: str, membership: str | None, suppression: str | None, wish: str | None, *, has_list: bool
) -> str:
    """Why this lead may not be mailed now, "" when it may. wish: what the person asked for that forbids it now."""
    if status != "subscribed":
        return NOT_SUBSCRIBED.get(status, status)
    if suppression:
        return f"suppressed: {suppression}"
    if has_list and membership != "subscribed":
        return NOT_ON_LIST.get(membership or "", "no longer on the list")
    return wish or ""


async def send_window(
    connection: AsyncConnection, work: Assignment, lead_ids: Sequence[int], route: WindowRoute, claimed_at: float
) -> list[Result]:
    """Send to the claimed leads; one result for each, whatever happens.

    claimed_at: CLOCK_BOOTTIME seconds of the claim. No message starts later than CLAIM_TO_SEND_SECONDS after it; one
    that waited longer than FRESH_SECONDS for its connection is read and rendered anew before it is tried again.
    A database that is away costs those that still wait their turn, never the outcomes of those that were sent.
    """
    until = claimed_at + settings.CLAIM_TO_SEND_SECONDS
    results: dict[int, Result] = {lead_id: Result(lead_id, ERASED) for lead_id in lead_ids}
    waiting = list(lead_ids)
    while waiting:
        try:
            pairs = await _write_letters(connection, work, waiting, results, until)
        except DatabaseAway as error:
            # only those of this read are unsent: what was handed over before it keeps its outcome
            logger.warning("campaign %s: %s leads could not be read: %s", work.campaign_id, len(waiting), error)
            results.update({lead_id: Result(lead_id, UNREAD) for lead_id in waiting})
            break
        await _hand_over(pairs, route)
        late = [result for result, _ in pairs if result.outcome.kind is Kind.NOT_ATTEMPTED]
        waiting = [result.lead_id for result in late if result.outcome.rule == "late"]
        if boottime() >= until:
            break
    return [results[lead_id] for lead_id in lead_ids]


async def _write_letters(
    connection: AsyncConnection,
    work: Assignment,
    lead_ids: Sequence[int],
    results: dict[int, Result],
    until: float,
) -> list[Pair]:
    """Read the leads as they are now and write to those that may be mailed; the others get their reason."""
    rows, read_at = await work.reader.read(connection, lead_ids)
    deadline = min(until, read_at + FRESH_SECONDS)
    has_list = work.list_id is not None
    reasons = {row[0]: ineligible(row[8], row[9], row[10], row[12], has_list=has_list) for row in rows}
    wishes = {row[0]: row[13] for row in rows if row[13]} if work.cap.honours_wishes else {}
    placed = await _reserve(connection, work, wishes, reasons) if work.cap.amount or wishes else ()
    moment = Moment()
    pairs: list[Pair] = []
    for row in rows:
        lead_id, email = row[0], row[1]
        # a place that a first read took stays taken until it is given back
        has_place = lead_id in placed or (lead_id in results and results[lead_id].has_place)
        if reason := reasons[lead_id]:
            results[lead_id] = Result(lead_id, skip(reason), has_place=has_place)
            continue
        result = results[lead_id] = Result(lead_id, ERASED, None, address_hash(email), email, has_place)
        pairs.append((result, LeadLetter(work, row, moment, deadline)))
    return pairs


async def _reserve(
    connection: AsyncConnection, work: Assignment, wishes: Mapping[int, int], reasons: dict[int, str]
) -> set[int]:
    """Take a place under the caps for each lead without a reason; who gets none has one then. Who got a place.

    wishes: for leads who want at most one campaign in so many days.
    """
    by_days: dict[int, list[int]] = defaultdict(list)
    for lead_id, reason in reasons.items():
        if not reason and (work.cap.amount or lead_id in wishes):
            by_days[wishes.get(lead_id, 0)].append(lead_id)
    placed: set[int] = set()
    for days, wanted in by_days.items():
        got = await frequency.reserve(connection, work.cap, work.campaign_id, wanted, wish_days=days)
        reasons.update({lead_id: work.cap.reason_for(days) for lead_id in wanted if lead_id not in got})
        placed |= got
    return placed


def _may_go_elsewhere(outcome: Outcome) -> bool:
    """Not attempted, and not because its time was over: that one is read and rendered anew first."""
    return outcome.kind is Kind.NOT_ATTEMPTED and outcome.rule != "late"


async def _hand_over(pairs: list[Pair], route: WindowRoute) -> None:
    """Send the letters by the first way out, and what it did not take or attempt by the others, once each."""
    tried: list[int] = []
    left = pairs
    while left:
        way = await route.way(len(left), tried)
        if way is None:
            break
        tried.append(way.provider_id)
        now, later = left[: way.places], left[way.places :]
        outcomes = await route.send(way, [letter for _, letter in now])
        for (result, _), outcome in zip(now, outcomes, strict=True):
            result.outcome, result.provider_id = outcome, way.provider_id
        left = [pair for pair in now if _may_go_elsewhere(pair[0].outcome)] + later
    for result, _ in left:
        if result.provider_id is None:
            result.outcome = not_attempted(route.why, route.wait_seconds)
