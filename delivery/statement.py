"""Statements that a worker child runs for every window, on a connection of psycopg but without its cursors.

A cursor takes 0.06 ms more of the child for a statement, whatever it does: it writes parameters one class at a time,
asks itself whether to prepare, and has a timer and a writer beside the reader. Here a statement is prepared once a
connection, its parameters are text, and only the answer is waited for. What may go wrong goes wrong as it does there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import abc, errors, generators, pq
from psycopg.adapt import Transformer

from delivery.database import AsyncConnection, Row

Value: TypeAlias = str | int | float | datetime | UUID | None
_NAMED = re.compile(r"%\((\w+)\)s")


class Statement:
    """One statement. text: with parameters as psycopg has them, %(name)s, whose types PostgreSQL can tell from it.

    name: of the prepared statement, one for each text.
    """

    def __init__(self, name: str, text: str) -> None:
        self._names = tuple(dict.fromkeys(_NAMED.findall(text)))
        numbers = {each: f"${number}" for number, each in enumerate(self._names, 1)}
        self._text = _NAMED.sub(lambda found: numbers[found[1]], text).replace("%%", "%").encode()
        self._name = name.encode()
        # whoever has a reader of rows has prepared it
        self._readers: WeakKeyDictionary[AsyncConnection, abc.Transformer] = WeakKeyDictionary()

    async def run(self, connection: AsyncConnection, values: Mapping[str, Value]) -> list[Row]:
        """The rows, with values as a cursor gives them. connection: in autocommit mode.

        values: more than the statement names are left alone. Raises what a cursor would raise: KeyError for one that
        is missing, an error of psycopg for what the server says. A caller that is cancelled finds it closed.
        """
        asked = [None if (value := values[name]) is None else str(value).encode() for name in self._names]
        async with connection.lock:
            reader = self._readers.get(connection) or await self._prepare(connection)
            pgconn = connection.pgconn
            pgconn.send_query_prepared(self._name, asked)
            # what the socket does not take at once is left to psycopg
            result = _only(
                await (_answer(pgconn) if not pgconn.flush() else connection.wait(generators.execute(pgconn)))
            )
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise errors.error_from_result(result, encoding=connection.info.encoding)
            reader.set_pgresult(result)
            return reader.load_rows(0, result.ntuples, tuple)

    async def _prepare(self, connection: AsyncConnection) -> abc.Transformer:
        pgconn = connection.pgconn
        pgconn.send_prepare(self._name, self._text)
        result = _only(await connection.wait(generators.execute(pgconn)))
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result, encoding=connection.info.encoding)
        return self._readers.setdefault(connection, Transformer(connection))


async def _answer(pgconn: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    """All that the server answers to what was sent. Raises psycopg.OperationalError where it is gone without one."""
    loop, socket = asyncio.get_running_loop(), pgconn.socket
    results: list[pq.abc.PGresult] = []
    answered: asyncio.Future[None] = loop.create_future()
    loop.add_reader(socket, _on_readable, pgconn, results, answered)
    try:
        await answered
    finally:
        loop.remove_reader(socket)
        if answered.cancelled() or not answered.done():
            # nobody waits any more: the answer would be taken for that to the next question
            pgconn.finish()
    return results


def _on_readable(pgconn: pq.abc.PGconn, results: list[pq.abc.PGresult], answered: asyncio.Future[None]) -> None:
    if answered.done():
        return
    try:
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                answered.set_result(None)
                return
            results.append(result)
    except psycopg.Error as error:
        # what the server said before it hung up says more
        if any(result.status == pq.ExecStatus.FATAL_ERROR for result in results):
            answered.set_result(None)
        else:
            answered.set_exception(error)


def _only(results: list[pq.abc.PGresult]) -> pq.abc.PGresult:
    """The answer to one statement: the first, behind which only the end of the session may be told."""
    if not results:
        raise psycopg.OperationalError("PostgreSQL gave no answer")
    return results[0]
