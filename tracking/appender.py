"""Threads that append to a stream at the same time share one round trip to Redis."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis


class _Waiting:
    """What one thread wants to append. error: why it was not, or may not have been; None once Redis has it."""

    __slots__ = ("error", "is_settled", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.is_settled = False
        self.error: redis.RedisError | None = redis.ConnectionError("nobody has asked Redis")


class Appender:
    """Appends to one stream over one connection, which it keeps for itself.

    Whoever has the connection takes along what all other threads want to append by then; those find it done. A client's
    own way to write and read one command takes as long as everything else that a pixel's request needs.
    """

    def __init__(self, connect: Callable[[], redis.Redis], *, name: str, field: str, most: int) -> None:
        """connect: gives a client, whose timeouts hold here; most: entries, about, of which the newest are kept."""
        words = [word.encode() for word in ("XADD", name, "MAXLEN", "~", str(most), "*", field)]
        self._head = b"*%d\r\n" % (len(words) + 1) + b"".join(map(_bulk, words))
        self._connect = connect
        self._connection: Any = None
        self._process = 0
        self._queue: deque[_Waiting] = deque()
        self._turn = threading.Lock()

    def append(self, texts: Sequence[str]) -> None:
        """Return when Redis has acknowledged all of them. Raises redis.RedisError: some may be there then.

        A broken connection is tried once more on a new one, so an entry may come twice.
        """
        mine = _Waiting(texts)
        self._queue.append(mine)
        with self._turn:
            if not mine.is_settled:
                self._settle_all()
        if mine.error is not None:
            raise mine.error

    def _settle_all(self) -> None:
        """Append for everybody who waits now: one answer, or one error, for all."""
        waiting = [self._queue.popleft() for _ in range(len(self._queue))]
        try:
            self._send([text for one in waiting for text in one.texts])
        except redis.RedisError as error:
            for one in waiting:
                one.error = error
        else:
            for one in waiting:
                one.error = None
        finally:
            for one in waiting:
                one.is_settled = True

    def _send(self, texts: Sequence[str]) -> None:
        command = b"".join([self._head + _bulk(text.encode()) for text in texts])
        try:
            self._ask(command, len(texts))
        except redis.TimeoutError:
            raise
        except redis.ConnectionError:
            # what a Redis that was restarted, or a proxy between, has left of the connection
            self._ask(command, len(texts))

    def _ask(self, command: bytes, answers: int) -> None:
        connection = self._connected()
        connection.send_packed_command([command])
        refused: redis.ResponseError | None = None
        for _ in range(answers):
            try:
                connection.read_response()
            except redis.ResponseError as error:
                refused = refused or error
        if refused is not None:
            raise refused

    def _connected(self) -> Any:
        """The connection: of this process, since a forked one may not talk on its parent's."""
        if self._connection is None or self._process != os.getpid():
            self._connection, self._process = self._connect().connection_pool.get_connection(), os.getpid()
        return self._connection


def _bulk(word: bytes) -> bytes:
    """A string as Redis reads it in a command."""
    return b"$%d\r\n%b\r\n" % (len(word), word)
