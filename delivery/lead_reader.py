"""The leads of a batch, read for several windows at once and never handed on stale."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from delivery import sql
from delivery.database import AsyncConnection
from delivery.engine.smtp.clock import boottime
from delivery.press import Row
from delivery.statement import Statement

# a statement costs both sides 0.2 ms whatever it brings; as many as a child may have claimed
AHEAD = 192
# of the five seconds that may lie between reading and MAIL; the rest is left for the way to the server
KEPT_SECONDS = 1.0
WINDOW_LEADS = Statement("window_leads", sql.WINDOW_LEADS)


class Leads(NamedTuple):
    """rows: of sql.WINDOW_LEADS, in no order; a lead that is gone has none. read_at: CLOCK_BOOTTIME seconds."""

    rows: list[Row]
    read_at: float


class LeadReader:
    """Reads leads of one batch. in_order: the leads that windows will ask for, one window after the other.

    What was read is handed out once: a window that has to read again gets what stands in the database then.
    """

    def __init__(self, campaign_id: int, list_id: int | None, in_order: Sequence[int] = ()) -> None:
        self._parameters = {"campaign": campaign_id, "list": list_id}
        self._in_order = in_order
        self._place = {lead_id: place for place, lead_id in enumerate(in_order)}
        self._kept: dict[int, Row | None] = {}
        self._read_at = 0.0
        # windows run side by side: the second waits for the read that is for both
        self._lock = asyncio.Lock()

    async def read(self, connection: AsyncConnection, lead_ids: Sequence[int]) -> Leads:
        """The leads as they are, or were at most KEPT_SECONDS ago. Raises one of DatabaseAway."""
        async with self._lock:
            kept = self._kept
            if boottime() - self._read_at > KEPT_SECONDS or not kept.keys() >= set(lead_ids):
                await self._fill(connection, lead_ids)
            found = [self._kept.pop(lead_id) for lead_id in lead_ids]
            return Leads([row for row in found if row is not None], self._read_at)

    async def _fill(self, connection: AsyncConnection, lead_ids: Sequence[int]) -> None:
        wanted = self._with_next(lead_ids)
        # before the question: what changes while it is answered may be missed
        read_at = boottime()
        # as text: psycopg would write a list element by element
        asked = {**self._parameters, "leads": f"{{{','.join(map(str, wanted))}}}"}
        rows = await WINDOW_LEADS.run(connection, asked)
        self._kept = dict.fromkeys(wanted)
        self._kept.update({row[0]: row for row in rows})
        self._read_at = read_at

    def _with_next(self, lead_ids: Sequence[int]) -> list[int]:
        """These and those that stand behind them, AHEAD in all."""
        place = self._place.get(lead_ids[0])
        if place is None or list(self._in_order[place : place + len(lead_ids)]) != list(lead_ids):
            return list(lead_ids)
        return list(self._in_order[place : place + max(AHEAD, len(lead_ids))])
