"""One SMTP connection as bytes and replies: what the transport tells us, and the slow parts of a session."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import cast

from delivery.engine.smtp.failures import ConnectionGone
from delivery.engine.smtp.replies import Reply, ReplyParser

MAX_UNREAD_REPLIES = 8


class Wire(asyncio.Protocol, ABC):
    """Reads replies. In set-up they are awaited one by one with `reply()`; later `on_replies` gets them at once.

    tls_version: "TLSv1.3", "" without TLS. round_trip: seconds that EHLO took.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.tls_version = ""
        self.round_trip = 0.0
        self._loop = loop
        self._parser = ReplyParser()
        self._setup = True
        self._inbox: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self._gone = ""

    # --- hooks, for the subclass that knows what replies mean; one left out would lose outcomes silently

    @abstractmethod
    def on_replies(self, replies: list[Reply]) -> None:
        """Replies arrived after the set-up."""

    @abstractmethod
    def on_break(self, reason: str, reply: Reply | None) -> None:
        """The connection is gone; reply is the one that announced it, if one did."""

    # --- what the transport tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.cut(f"the connection was lost ({exc})" if exc else "the server closed the connection")
        if not self._closed.done():
            self._closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        replies = self._parser.feed(data)
        if self._setup:
            self._inbox.extend(replies)
            if len(self._inbox) > MAX_UNREAD_REPLIES:
                self.cut("the server sends replies that nobody asked for")
            self._wake()
        elif replies:
            self.on_replies(replies)
        if self._parser.error:
            self.cut(self._parser.error)

    # --- set-up and good-bye: one reply at a time

    @property
    def is_alive(self) -> bool:
        """False once the connection has ended, by whichever side."""
        return not self._gone

    @property
    def is_quiet(self) -> bool:
        """True when nothing that the server sent is waiting to be read (asked before TLS begins)."""
        return not self._inbox and self._parser.is_empty

    async def reply(self, timeout_seconds: float) -> Reply:
        """Wait for the next reply. Raises ConnectionGone when the connection ends, TimeoutError when it is silent."""
        async with asyncio.timeout(timeout_seconds):
            while not self._inbox:
                if self._gone:
                    raise ConnectionGone(self._gone)
                self._waiter = self._loop.create_future()
                await self._waiter
        return self._inbox.popleft()

    async def command(self, line: bytes, timeout_seconds: float) -> Reply:
        """Send one command line (without its end) and wait for the reply; raises as `reply` does."""
        if self._gone:
            raise ConnectionGone(self._gone)
        self.transport.write(line + b"\r\n")
        return await self.reply(timeout_seconds)

    async def quit(self, timeout_seconds: float) -> None:
        """Say QUIT and close; each is bounded by the time-out, then the connection is cut. For idle connections."""
        if self._gone:
            return
        self._setup = True
        try:
            await self.command(b"QUIT", timeout_seconds)
            self._gone = "closed by us"
            self.transport.close()
            async with asyncio.timeout(timeout_seconds):
                await self._closed
        except (ConnectionGone, TimeoutError) as error:
            self._gone = self._gone or f"no good-bye: {error}"
            self.transport.abort()

    def cut(self, reason: str, reply: Reply | None = None) -> None:
        """Close at once, whatever is under way; the first reason stands."""
        if self._gone:
            return
        self._gone = reason
        if self.transport is not None:
            self.transport.abort()
        self._wake()
        self.on_break(reason, reply)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
