"""What a worker child keeps between tasks: one event loop, its database connections, one channel a provider."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import redis.asyncio
import uvloop
from celery.signals import worker_process_shutdown
from django.conf import settings
from django.db import connections

from campaigns.crypto import SecretUnreadable
from delivery import directory
from delivery.alarms import Alarms
from delivery.briefing import BriefingBook
from delivery.circuit import Breaker
from delivery.content import Prepared, prepare
from delivery.database import AsyncConnection, connect
from delivery.domains import DomainBook
from delivery.engine.classify import BUILT_IN
from delivery.engine.outcome import Outcome
from delivery.engine.smtp import SmtpPool
from delivery.esp.account import account_of
from delivery.letters import Channel
from delivery.models import Provider
from delivery.providers import endpoint_of, metadata_of
from delivery.reply_rules import load_classifier
from delivery.selection import Turns
from delivery.shut_channel import ShutChannel
from delivery.smtp_channel import SmtpChannel
from delivery.stride import Stride
from delivery.throttle import Throttle
from delivery.usage_book import UsageBook

logger = logging.getLogger(__name__)
T = TypeVar("T")
PREPARED_KEPT = 16


class Line:
    """One database connection that is opened when it is needed and again when it was lost."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: AsyncConnection | None = None
        # windows run side by side: without it each of them would open a connection of its own
        self._opening = asyncio.Lock()

    async def get(self) -> AsyncConnection:
        """An open connection. Raises psycopg.OperationalError while PostgreSQL is away."""
        async with self._opening:
            if self._connection is None or self._connection.closed:
                self._connection = await connect(application_name=self._name)
            return self._connection

    async def close(self) -> None:
        """Hang up, if there is anything to hang up."""
        if self._connection is not None:
            await self._connection.close()


class Runtime:
    """One for each worker child, made at its first task, never before the fork.

    A connection of one loop does not work in another: everything here belongs to `loop`.
    """

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.redis = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        self._work = Line(f"massmailer send {self.name}")
        self._read = Line(f"massmailer read {self.name}")
        self._pulse = Line(f"massmailer heartbeat {self.name}")
        self._work_turn = asyncio.Lock()
        self.throttle = Throttle(self.redis)
        self.breaker = Breaker(self.redis)
        self.usage = UsageBook()
        self.alarms = Alarms()
        self.classifier = BUILT_IN
        # messages under way by provider
        self.in_flight: Counter[int] = Counter()
        # messages that a provider answered since its circuit was last told, and providers that failed lately
        self.answered: Counter[int] = Counter()
        self.suspects: set[int] = set()
        self._turns: dict[tuple[int | None, str], Turns] = {}
        self._strides: dict[tuple[int | None, str], Stride] = {}
        self._channels: dict[int, tuple[Any, Channel]] = {}
        self.domains = DomainBook()
        # as it was read last, and when by time.monotonic()
        self.directory: tuple[directory.Directory, float] | None = None
        self.briefings = BriefingBook()
        self._prepared = lru_cache(maxsize=PREPARED_KEPT)(self._prepare)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end on this child's loop."""
        return self.loop.run_until_complete(work)

    async def work_connection(self) -> AsyncConnection:
        """The connection of claims and records. Raises psycopg.OperationalError while PostgreSQL is away."""
        return await self._work.get()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[AsyncConnection]:
        """The connection of claims and records for oneself. Raises psycopg.OperationalError while PostgreSQL is away.

        Of two batches at a time neither may claim within the other's transaction: its claim would not be committed
        when its messages leave.
        """
        async with self._work_turn:
            yield await self.work_connection()

    async def read_connection(self) -> AsyncConnection:
        """The connection of the windows: they read while a claim is under way on the other one."""
        return await self._read.get()

    async def pulse_connection(self) -> AsyncConnection:
        """The connection of the heartbeat, so that it never waits behind a window."""
        return await self._pulse.get()

    def prepared(self, campaign_id: int, variant: int) -> Prepared:
        """What is kept of a campaign; made anew within seconds after a key or switch of a sending domain changed.

        Raises what `content.prepare` raises.
        """
        return self._prepared(campaign_id, variant, self.domains.refresh())

    def _prepare(self, campaign_id: int, variant: int, _domains_version: int) -> Prepared:
        return prepare(campaign_id, variant, self.domains)

    async def read_directory(self) -> directory.Directory:
        """Providers, pools and limits as they are now; rules for replies on the way. Raises one of DatabaseAway."""
        connection, read_at = await self.read_connection(), time.monotonic()
        classifier = await load_classifier(connection, self.classifier)
        if classifier is not self.classifier:
            self.classifier = classifier
            for provider_id, (_, channel) in self._channels.items():
                channel.judge_by(classifier.for_provider(provider_id))
        found = await directory.read(connection)
        self.directory = found, read_at
        return found

    def turns(self, pool_id: int | None, stream: str) -> Turns:
        """The turns of a pool's providers in this process; they go on from batch to batch."""
        return self._turns.setdefault((pool_id, stream), Turns())

    def stride(self, pool_id: int | None, group: str) -> Stride:
        """How many windows are claimed together for mail of this pool to this mailbox group."""
        return self._strides.setdefault((pool_id, group), Stride())

    def silence_seconds(self, outcome: Outcome) -> float:
        """How long nothing may be sent to the group of a message that was refused like this; 0 for most."""
        verdict = self.classifier.verdict_of(outcome.rule)
        return max(outcome.retry_after_seconds or 0.0, verdict.pause_seconds if verdict else 0)

    def is_alarming(self, outcome: Outcome) -> bool:
        """Whether an operator should hear of a refusal like this."""
        verdict = self.classifier.verdict_of(outcome.rule)
        return verdict is not None and verdict.alert

    async def channel(self, provider: Provider) -> Channel:
        """The way to a provider; made anew when the provider's settings have changed."""
        stamp = provider.updated_at
        kept = self._channels.get(provider.pk)
        if kept and kept[0] == stamp:
            return kept[1]
        channel = open_channel(provider)
        channel.judge_by(self.classifier.for_provider(provider.pk))
        # in its place before anything is waited for: another window would open one more, which nobody ever closed
        self._channels[provider.pk] = (stamp, channel)
        if kept:
            await kept[1].close()
        return channel

    def latency_seconds(self, provider_ids: Iterable[int]) -> float:
        """Seconds until an answer at the slowest of these providers; 0 before anything was measured."""
        channels = [self._channels[number][1] for number in provider_ids if number in self._channels]
        return max((channel.latency_seconds for channel in channels), default=0.0)

    async def close(self) -> None:
        """Say QUIT and hang up."""
        for _, channel in self._channels.values():
            await channel.close()
        for line in (self._work, self._read, self._pulse):
            await line.close()
        await self.redis.aclose()


def open_channel(provider: Provider) -> Channel:
    """A new channel to a provider. Where its settings cannot be used the channel attempts nothing and says why."""
    try:
        if provider.kind != Provider.Kind.SMTP:
            from delivery.esp.channel import EspChannel  # boto3 and its kin: a house of relays never loads them

            return EspChannel(account_of(provider))
        pool = SmtpPool(endpoint_of(provider), max_connections=provider.max_connections)
        return SmtpChannel(pool, metadata_of(provider))
    except (SecretUnreadable, ValueError) as error:
        logger.error("provider %s cannot be used: %s", provider.name, error)
        return ShutChannel(str(error))
    except Exception:  # raised into a window it would cost unknowns, and nothing is sent yet
        logger.exception("provider %s cannot be used", provider.name)
        return ShutChannel("the provider cannot be used; see the worker's log")


_runtime: Runtime | None = None


def get() -> Runtime:
    """The runtime of this process, made at the first call."""
    global _runtime
    if _runtime is None:
        _runtime = Runtime()
        # What was loaded until now stays for good: looking it all over again for garbage halts every window of this
        # child for 70 ms.
        gc.freeze()
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
