"""Is this process alive, and is it ready to serve? For load balancers and orchestrators.

The checks open connections of their own and are bounded by a second each, whatever the engine does: a frozen
PostgreSQL must not use up the threads of the web process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import Any

import psycopg
import redis.asyncio
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from delivery import database
from massmailer import insiders

TIMEOUT_SECONDS = 1.0


class NotReady(Exception):
    """One part cannot serve; the message says which and why."""


def live(_request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all. No I/O: an engine that is away is no reason to restart us."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL and Redis answer and all migrations are applied, else 503 and which part is not ready.

    Insiders are told why, too.
    """
    checks = run_checks()
    ok = all(answer == "ok" for answer in checks.values())
    if not insiders.is_insider(request):
        # an engine's own words may name hosts and accounts
        checks = {part: answer if answer == "ok" else "unavailable" for part, answer in checks.items()}
    return JsonResponse({"status": "ok" if ok else "unavailable", "checks": checks}, status=200 if ok else 503)


def run_checks() -> dict[str, str]:
    """The answer of each part: "ok", or what is wrong with it. Takes little more than a second at worst."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_all_checks())
    finally:
        # not asyncio.run(): it would wait for a name look-up that hangs in the loop's executor
        loop.close()


async def _all_checks() -> dict[str, str]:
    database, broker = await asyncio.gather(_bounded(_check_database()), _bounded(_check_redis()))
    answers = {"postgresql": "ok" if isinstance(database, list) else database, "redis": broker or "ok"}
    if isinstance(database, list):
        answers["migrations"] = f"not applied: {', '.join(database)}" if database else "ok"
    return {name: str(answer) for name, answer in answers.items()}


async def _bounded(check: Coroutine[Any, Any, Any]) -> Any:
    """The check's value, or the reason of its failure as text."""
    try:
        return await asyncio.wait_for(check, TIMEOUT_SECONDS)
    except TimeoutError:
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    except (psycopg.Error, redis.RedisError, OSError, NotReady) as error:
        return str(error).strip() or type(error).__name__


async def _check_database() -> list[str]:
    """The migrations that are not applied, such as "campaigns.0001_initial"."""
    async with await database.connect(application_name="massmailer health") as session:
        try:
            rows = await (await session.execute("SELECT app, name FROM django_migrations")).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise NotReady("the database is empty: run `bin/manage migrate`") from error
    return sorted(f"{app}.{name}" for app, name in last_migrations() - set(rows))


async def _check_redis() -> None:
    client = redis.asyncio.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0))
    async with client:
        await client.ping()


@cache
def last_migrations() -> frozenset[tuple[str, str]]:
    """App and name of each app's newest migration on disk; read once, for the files change only with a restart."""
    graph = MigrationLoader(None).graph
    return frozenset(graph.leaf_nodes())
