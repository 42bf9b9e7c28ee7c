"""The list of checks, in the order in which a person would look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import redis
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError

from massmailer.doctor import (
    addresses,
    broker,
    database,
    domains,
    files,
    machine,
    providers,
    python,
    submission,
    workers,
)
from massmailer.doctor.check import Check, fail, warn
from massmailer.embedded.errors import EngineError
from massmailer.processes.options import StackError

Examination = Callable[[], Check | list[Check]]
# what a check meets when a part of the outside is away; anything else is a mistake of ours
OUTSIDE = (DatabaseError, redis.RedisError, OperationalError, OSError, EngineError, StackError)


@dataclass(frozen=True)
class Item:
    """One check. needs: names of checks that must not have failed, or this one would only repeat their complaint."""

    run: Examination
    name: str
    needs: tuple[str, ...] = ()


DATABASE = ("postgresql", "migrations")
CHECKS = (
    Item(python.python_version, "python"),
    Item(python.packages, "packages"),
    Item(python.signing, "signatures"),
    Item(machine.user, "user"),
    Item(database.postgresql, "postgresql"),
    Item(database.durability, "durability", ("postgresql",)),
    Item(database.clock, "clock", ("postgresql",)),
    Item(database.migrations, "migrations", ("postgresql",)),
    Item(database.connections, "connections", ("postgresql",)),
    Item(database.email_partitions, "ledger partitions", DATABASE),
    Item(database.message_partitions, "message partitions", DATABASE),
    Item(database.event_partitions, "event partitions", DATABASE),
    Item(broker.redis_version, "redis"),
    Item(broker.persistence, "redis persistence", ("redis",)),
    Item(broker.eviction, "redis eviction", ("redis",)),
    Item(broker.database_numbers, "redis databases"),
    Item(broker.broker_reachable, "broker"),
    Item(broker.queue_depths, "queues", ("broker",)),
    Item(workers.workers, "workers", ("broker", *DATABASE)),
    Item(workers.beat, "beat", ("redis", *DATABASE)),
    Item(workers.sweeper, "sweeper", ("redis", *DATABASE)),
    Item(providers.default_pools, "pools", DATABASE),
    Item(providers.providers, "providers", DATABASE),
    Item(providers.webhooks, "webhooks", DATABASE),
    Item(domains.sending_domains, "sending domains", DATABASE),
    Item(addresses.public_url, "PUBLIC_URL"),
    Item(addresses.tracking_url, "TRACKING_URL"),
    Item(addresses.bounce_domain, "BOUNCE_DOMAIN"),
    Item(addresses.debug, "DEBUG"),
    Item(submission.door, "submission"),
    Item(machine.ports, "ports"),
    Item(machine.open_files, "open files", DATABASE),
    Item(files.secrets, "secrets"),
    Item(files.static_files, "static files"),
    Item(files.disk, "disk"),
)
CURES = {
    "postgresql": "Start it (bin/up does where DATABASE_URL is not set), or correct DATABASE_URL.",
    "redis": "Start it (bin/up does where REDIS_URL is not set), or correct REDIS_URL.",
    "broker": "Start the broker, or correct CELERY_BROKER_URL.",
}


def examine(items: Iterable[Item] = CHECKS) -> list[Check]:
    """Carry out all checks; what rests on a failed one is reported as not looked at. Raises nothing of the outside."""
    findings: list[Check] = []
    failed: set[str] = set()
    for item in items:
        found = _examine(item, failed)
        findings += found
        if any(check.state == "fail" for check in found):
            failed.add(item.name)
    return findings


def _examine(item: Item, failed: set[str]) -> list[Check]:
    missing = [name for name in item.needs if name in failed]
    if missing:
        failed.add(item.name)
        return [warn(item.name, f"not looked at, because of {missing[0]}", f"See {missing[0]} above.")]
    try:
        found = item.run()
    except OUTSIDE as error:
        if isinstance(error, DatabaseError):
            connection.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        return [fail(item.name, reason, CURES.get(item.name, "See the reason; run the doctor again when it is cured."))]
    return found if isinstance(found, list) else [found]
