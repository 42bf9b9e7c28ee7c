"""The directory is read on the connection that windows read on."""

from __future__ import annotations

import asyncio

import pytest

from delivery import directory
from delivery.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_windows_read_on_while_the_directory_is_read_again() -> None:
    async def run() -> list[int]:
        line = await connect(application_name="test")

        async def windows(number: int) -> list[int]:
            found = []
            for _ in range(20):
                rows = await (await line.execute("SELECT %s::int", [number])).fetchall()
                found.append(rows[0][0])
            return found

        async def refresh() -> list[int]:
            for _ in range(20):
                await directory.read(line)
            return []

        try:
            found = await asyncio.gather(refresh(), *(windows(number) for number in range(4)))
        finally:
            await line.close()
        return [one for numbers in found for one in numbers]

    assert asyncio.run(run()) == [number for number in range(4) for _ in range(20)]
