"""What a retry or resend looks at before it sends: does the ledger still want this attempt, and who tried last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from delivery import sql
from delivery.database import AsyncConnection
from delivery.record import BatchRef


@dataclass(frozen=True, slots=True)
class SortedPositions:
    """by_last_provider: leads to send to, by the provider that their last attempt used (None: none did)."""

    by_last_provider: dict[int | None, list[int]]
    settled_elsewhere: list[int]


async def sort_positions(connection: AsyncConnection, ref: BatchRef, lead_ids: Sequence[int]) -> SortedPositions:
    """Read the ledger and part the leads; what is no longer this attempt's business gets its fence moved.

    A retry sends only to a row that is deferred by an older attempt, a resend only to one that is unknown at its own.
    """
    parameters = {"campaign": ref.campaign_id, "leads": list(lead_ids)}
    rows = await (await connection.execute(sql.LAST_ATTEMPTS, parameters)).fetchall()
    wanted: dict[int | None, list[int]] = defaultdict(list)
    for lead_id, status, attempt, _, provider_id in rows:
        if _is_wanted(ref, status, attempt):
            wanted[provider_id].append(lead_id)
    chosen = {lead_id for group in wanted.values() for lead_id in group}
    settled = [lead_id for lead_id in lead_ids if lead_id not in chosen]
    if settled:
        await connection.execute(sql.LEAVE_ALONE, {**parameters, "leads": settled, "attempt": ref.attempt})
    return SortedPositions(dict(wanted), settled)


def _is_wanted(ref: BatchRef, status: str, attempt: int) -> bool:
    if ref.kind == "resend":
        return status == "unknown" and attempt == ref.attempt
    return status == "deferred" and attempt < ref.attempt
