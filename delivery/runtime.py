"""What a worker child keeps between tasks: one event loop, its database connections, one SMTP pool a provider."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

import redis.asyncio
import uvloop
from celery.signals import worker_process_shutdown
from django.conf import settings
from django.db import connections

from delivery.content import Prepared, prepare
from delivery.database import AsyncConnection, connect
from delivery.engine.smtp import SmtpPool
from delivery.models import Provider
from delivery.providers import endpoint_of

logger = logging.getLogger(__name__)
T = TypeVar("T")
PREPARED_KEPT = 16


class Runtime:
    """One for each worker child, made at its first task, never before the fork.

    A connection of one loop does not work in another: everything here belongs to `loop`.
    """

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.redis = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        self._work: AsyncConnection | None = None
        self._read: AsyncConnection | None = None
        self._pulse: AsyncConnection | None = None
        self._pools: dict[int, tuple[Any, SmtpPool]] = {}
        self.prepared = lru_cache(maxsize=PREPARED_KEPT)(self._prepare)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end on this child's loop."""
        return self.loop.run_until_complete(work)

    async def work_connection(self) -> AsyncConnection:
        """The connection of claims and records. Raises psycopg.OperationalError while PostgreSQL is away."""
        if self._work is None or self._work.closed or self._work.broken:
            self._work = await connect(application_name=f"massmailer send {self.name}")
        return self._work

    async def read_connection(self) -> AsyncConnection:
        """The connection of the windows: they read while a claim is under way on the other one."""
        if self._read is None or self._read.closed or self._read.broken:
            self._read = await connect(application_name=f"massmailer read {self.name}")
        return self._read

    async def pulse_connection(self) -> AsyncConnection:
        """The connection of the heartbeat, so that it never waits behind a window."""
        if self._pulse is None or self._pulse.closed or self._pulse.broken:
            self._pulse = await connect(application_name=f"massmailer heartbeat {self.name}")
        return self._pulse

    def _prepare(self, campaign_id: int, variant: int) -> Prepared:
        return prepare(campaign_id, variant)

    async def smtp_pool(self, provider: Provider) -> SmtpPool:
        """The connection pool of a provider; made anew when the provider's settings have changed."""
        stamp = provider.updated_at
        kept = self._pools.get(provider.pk)
        if kept and kept[0] == stamp:
            return kept[1]
        if kept:
            await kept[1].close()
        pool = SmtpPool(endpoint_of(provider), max_connections=provider.max_connections)
        self._pools[provider.pk] = (stamp, pool)
        return pool

    async def close(self) -> None:
        """Say QUIT and hang up."""
        for _, pool in self._pools.values():
            await pool.close()
        for connection in (self._work, self._read, self._pulse):
            if connection is not None:
                await connection.close()
        await self.redis.aclose()


_runtime: Runtime | None = None


def get() -> Runtime:
    """The runtime of this process, made at the first call."""
    global _runtime
    if _runtime is None:
        _runtime = Runtime()
    return _runtime


@worker_process_shutdown.connect
def shut_down(**_: object) -> None:
    """Leave nothing open behind: servers count connections that were never closed."""
    global _runtime
    if _runtime is not None:
        _runtime.run(_runtime.close())
        _runtime.loop.close()
        _runtime = None
    connections.close_all()
