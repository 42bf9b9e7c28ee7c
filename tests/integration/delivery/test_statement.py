"""Statements past psycopg's cursors: they give what a cursor gives, and fail as it fails."""

from __future__ import annotations

import asyncio
import datetime as dt
from uuid import UUID

import psycopg
import pytest

from delivery.database import AsyncConnection, DatabaseAway, connect
from delivery.runtime import Runtime
from delivery.statement import Statement, Value

pytestmark = pytest.mark.django_db(transaction=True)

MANY = """
SELECT %(n)s::int AS n, %(t)s::text, %(at)s::timestamptz, %(u)s::uuid, %(none)s::int[], '{"a": [1]}'::jsonb, 5 %% 3
"""
VALUES: dict[str, Value] = {
    "n": 7,
    "t": "Zürich \\ 'and' %s",
    "at": dt.datetime(2026, 11, 27, 12, 30, 0, 250, dt.UTC),
    "u": UUID(int=5),
    "none": None,
}


async def in_cursor(connection: AsyncConnection, text: str, values: dict[str, Value]) -> list[tuple[object, ...]]:
    return await (await connection.execute(text, values)).fetchall()


def test_it_gives_what_a_cursor_gives(worker: Runtime) -> None:
    async def both() -> None:
        connection = await worker.work_connection()
        statement = Statement("test_many", MANY)
        for _ in range(3):
            assert await statement.run(connection, VALUES) == await in_cursor(connection, MANY, VALUES)
        prepared = await in_cursor(
            connection, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'test_many'", {}
        )
        assert prepared == [(1,)]

    worker.run(both())


def test_a_name_may_stand_in_two_places_and_no_row_is_an_answer(worker: Runtime) -> None:
    statement = Statement("test_twice", "SELECT %(n)s::int + %(n)s::int WHERE %(n)s::int > 0")

    async def run() -> None:
        connection = await worker.work_connection()
        assert await statement.run(connection, {"n": 4, "not named": "x"}) == [(8,)]
        assert await statement.run(connection, {"n": 0}) == []
        with pytest.raises(KeyError):
            await statement.run(connection, {})

    worker.run(run())


def test_more_than_a_socket_takes_at_once_arrives(worker: Runtime) -> None:
    statement = Statement("test_large", "SELECT %(text)s::text")
    text = "x" * 30_000_000

    async def run() -> bool:
        return await statement.run(await worker.work_connection(), {"text": text}) == [(text,)]

    assert worker.run(run())


def test_what_the_server_refuses_is_the_error_that_a_cursor_raises(worker: Runtime) -> None:
    async def run() -> None:
        connection = await worker.work_connection()
        with pytest.raises(psycopg.errors.DivisionByZero):
            await Statement("test_zero", "SELECT 1 / %(n)s::int").run(connection, {"n": 0})
        with pytest.raises(psycopg.errors.SyntaxError):
            await Statement("test_syntax", "SELECT FROM WHERE").run(connection, {})
        assert await Statement("test_after", "SELECT 1").run(connection, {}) == [(1,)]

    worker.run(run())


def test_it_is_part_of_the_transaction_around_it(worker: Runtime) -> None:
    statement = Statement("test_add", "INSERT INTO campaigns_pause (id) VALUES (%(id)s) RETURNING id")

    async def run() -> list[tuple[object, ...]]:
        connection = await worker.work_connection()
        await connection.execute("CREATE TEMP TABLE campaigns_pause (id int)")
        async with connection.transaction():
            assert await statement.run(connection, {"id": 3}) == [(3,)]
            raise psycopg.Rollback
        return await in_cursor(connection, "SELECT id FROM campaigns_pause", {})

    assert worker.run(run()) == []


def test_questions_of_one_connection_wait_for_each_other(worker: Runtime) -> None:
    statement = Statement("test_slow", "SELECT %(n)s::int, pg_sleep(0.02)::text")

    async def run() -> None:
        connection = await worker.work_connection()
        asked = [statement.run(connection, {"n": n}) for n in range(5)]
        answers = await asyncio.gather(*asked, in_cursor(connection, "SELECT 5, ''", {}))
        assert answers == [[(n, "")] for n in range(6)]

    worker.run(run())


def test_a_server_that_hangs_up_is_away_and_the_next_connection_prepares_anew(worker: Runtime) -> None:
    statement = Statement("test_lost", "SELECT pg_sleep(%(seconds)s::float)::text")

    async def run() -> None:
        connection = await worker.work_connection()
        assert await statement.run(connection, {"seconds": 0}) == [("",)]
        waiting = asyncio.create_task(statement.run(connection, {"seconds": 30}))
        await asyncio.sleep(0.05)
        killer = await connect(application_name="test")
        await killer.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        await killer.close()
        with pytest.raises(psycopg.errors.AdminShutdown):
            await waiting
        assert connection.closed
        with pytest.raises(DatabaseAway):
            await statement.run(connection, {"seconds": 0})
        assert await statement.run(await worker.work_connection(), {"seconds": 0}) == [("",)]

    worker.run(run())


def test_who_stops_waiting_leaves_no_answer_for_the_next_question(worker: Runtime) -> None:
    statement = Statement("test_left", "SELECT pg_sleep(%(seconds)s::float)::text")

    async def run() -> None:
        connection = await worker.work_connection()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await statement.run(connection, {"seconds": 1})
        assert connection.closed
        assert await statement.run(await worker.work_connection(), {"seconds": 0}) == [("",)]

    worker.run(run())


def test_a_transaction_that_the_server_gave_up_on_is_a_database_that_is_away(worker: Runtime) -> None:
    statement = Statement("test_idle", "SELECT 1")

    async def run() -> None:
        connection = await worker.work_connection()
        await connection.execute("SET idle_in_transaction_session_timeout = '50ms'")
        async with connection.transaction():
            await statement.run(connection, {})
            await asyncio.sleep(0.2)
            await statement.run(connection, {})

    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        worker.run(run())
