"""Leads are read ahead, handed out once, and never stale."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from delivery import lead_reader
from delivery.database import AsyncConnection
from delivery.lead_reader import AHEAD, LeadReader

LEADS = list(range(1, 1001))


class Database:
    """Answers as PostgreSQL would: leads that are gone have no row. asked: the leads of each question."""

    def __init__(self) -> None:
        self.gone: set[int] = set()
        self.asked: list[list[int]] = []

    async def run(self, _connection: AsyncConnection, parameters: dict[str, Any]) -> list[tuple[int]]:
        asked = [int(text) for text in parameters["leads"].strip("{}").split(",")]
        self.asked.append(asked)
        await asyncio.sleep(0)
        return [(lead_id,) for lead_id in asked if lead_id not in self.gone]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    found = Database()
    monkeypatch.setattr(lead_reader, "WINDOW_LEADS", found)
    return found


NO_CONNECTION = cast(AsyncConnection, None)


def read(reader: LeadReader, *windows: Sequence[int]) -> list[list[int]]:
    """The leads of windows that ask at the same time."""

    async def run() -> list[list[int]]:
        found = await asyncio.gather(*(reader.read(NO_CONNECTION, window) for window in windows))
        return [[row[0] for row in leads.rows] for leads in found]

    return asyncio.run(run())


def test_windows_side_by_side_share_one_question(database: Database) -> None:
    database.gone, reader = {60}, LeadReader(1, None, LEADS)
    found = read(reader, LEADS[:48], LEADS[48:96])
    assert found == [LEADS[:48], [lead for lead in LEADS[48:96] if lead != 60]]
    assert database.asked == [LEADS[:AHEAD]]


def test_a_window_that_asks_again_gets_what_stands_there_then(database: Database) -> None:
    reader = LeadReader(1, None, LEADS)
    read(reader, LEADS[:48])
    database.gone = {7}
    assert read(reader, [3, 7, 9]) == [[3, 9]]


def test_what_was_read_long_ago_is_read_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = LeadReader(1, None, LEADS)
    read(reader, LEADS[:48])
    monkeypatch.setattr(lead_reader, "KEPT_SECONDS", -1.0)
    assert read(reader, LEADS[48:96]) == [LEADS[48:96]]
    assert len(database.asked) == 2


def test_leads_in_no_known_order_are_read_alone(database: Database) -> None:
    assert read(LeadReader(1, None), [9, 3]) == [[9, 3]]
    assert database.asked == [[9, 3]]
