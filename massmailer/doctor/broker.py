"""Redis or Valkey, and the broker where it is another."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from redis.connection import parse_url

from massmailer.celery import app
from massmailer.doctor.check import Check, fail, ok, warn
from massmailer.metrics import broker as numbers

OLDEST_VERSION = (6, 2)
# control work is done within seconds: more than this is work that nobody does
DEEP = {"control": 200, "transactional": 1000, "default": 1000, "bulk": 5000}


def redis_version() -> Check:
    info = _info("server")
    kind = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERSION:
        return fail("redis", f"{kind} {version} is too old", "Move to Redis 6.2, Valkey 7.2 or newer.")
    return ok("redis", f"{kind} {version}")


def persistence() -> Check:
    if not _info("persistence").get("aof_enabled"):
        return warn(
            "redis persistence",
            "no append-only file: a restart forgets opens, clicks and throttles that are not in PostgreSQL yet",
            "Set appendonly yes and appendfsync everysec.",
        )
    return ok("redis persistence", "append-only file")


def eviction() -> Check:
    info = _info("memory")
    policy, limit = str(info.get("maxmemory_policy", "unknown")), int(info.get("maxmemory", 0))
    cure = "Set maxmemory-policy noeviction, and give the cache of other programs a server of its own."
    if policy == "noeviction":
        return ok("redis eviction", "noeviction")
    if limit:
        return fail("redis eviction", f"{policy}: a full Redis throws away queues and events in silence", cure)
    return warn("redis eviction", f"{policy}: harmless as long as maxmemory is 0", cure)


def database_numbers() -> Check:
    """The cache has a database number of its own: clearing it empties that database."""
    cache = _place(str(settings.CACHES["default"]["LOCATION"]))
    for name, url in (("REDIS_URL", settings.REDIS_URL), ("CELERY_BROKER_URL", settings.CELERY_BROKER_URL)):
        if _place(url) == cache:
            return fail(
                "redis databases",
                f"{name} is in the same database as the cache (number {cache[-1]}): clearing the cache empties it",
                f"Give {name} another number, such as /0.",
            )
    return ok("redis databases", f"stream and queues in {_place(settings.REDIS_URL)[-1]}, cache in {cache[-1]}")


def broker_reachable() -> Check:
    """Raises kombu's OperationalError where it is not: the caller says so."""
    with app.connection_for_read(connect_timeout=numbers.TIMEOUT_SECONDS) as connection:
        connection.ensure_connection(max_retries=1, timeout=3)
        return ok("broker", connection.as_uri())


def queue_depths() -> Check:
    depths = numbers.queue_depths()
    detail = ", ".join(f"{queue} {depth}" for queue, depth in depths.items())
    deep = [queue for queue, depth in depths.items() if depth > DEEP[queue]]
    if deep:
        return warn("queues", f"{detail}: {' and '.join(deep)} too deep", "Start more workers that read these queues.")
    return ok("queues", detail)


def _info(section: str) -> dict[str, Any]:
    with numbers.client() as session:
        info: dict[str, Any] = session.info(section)
        return info


def _place(url: str) -> tuple[str, int]:
    """Where a URL leads: (server, database number), in the spelling of redis-py or of Celery."""
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        return parts.path, int(dict(parse_qsl(parts.query)).get("virtual_host", "0"))
    if parts.scheme not in ("redis", "rediss", "unix"):
        return f"{parts.hostname}:{parts.port}", -1
    place: dict[str, Any] = parse_url(url)
    server = place.get("path") or f"{place.get('host', 'localhost')}:{place.get('port', 6379)}"
    return str(server), int(place.get("db", 0))
