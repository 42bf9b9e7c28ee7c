"""PostgreSQL: there, recent, durable, with our tables and the partitions of the time to come."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from campaigns.models import Campaign
from delivery import partitions
from delivery.models.email import CAMPAIGNS_A_PARTITION
from massmailer.doctor.check import Check, fail, ok, warn

OLDEST_VERSION = 160000
CLOCK_WARN_SECONDS = 2.0
CLOCK_FAIL_SECONDS = 60.0
CONNECTIONS_WARN_SHARE = 0.8
# with these a commit may be forgotten in a crash: a claim too, and its mails would be sent a second time
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def postgresql() -> Check:
    number = int(_setting("server_version_num"))
    version = f"PostgreSQL {_setting('server_version')}"
    if number < OLDEST_VERSION:
        return fail("postgresql", f"{version} is too old", "Move to PostgreSQL 16 or newer.")
    return ok("postgresql", f"{version}, database {connection.settings_dict['NAME']}")


def durability() -> Check:
    found = {name: _setting(name) for name in UNSAFE}
    unsafe = [f"{name} = {value}" for name, value in found.items() if value == UNSAFE[name]]
    if unsafe:
        return fail(
            "durability",
            f"{', '.join(unsafe)}: after a crash claims may be forgotten and leads mailed twice",
            "Set fsync, full_page_writes and synchronous_commit to on in postgresql.conf and reload.",
        )
    return ok("durability", ", ".join(f"{name} {value}" for name, value in found.items()))


def clock() -> Check:
    """Our clock against the database's, which rules leases and due times."""
    before = time.time()
    database = float(_value("SELECT extract(epoch FROM clock_timestamp())"))
    # the database looked at its clock between our two looks: what lies inside is no difference
    after = time.time()
    difference = max(before - database, database - after, 0.0)
    detail = f"{difference:.1f} s apart from the database's"
    cure = "Synchronise both machines (chrony or systemd-timesyncd)."
    if difference >= CLOCK_FAIL_SECONDS:
        return fail("clock", detail, cure)
    return warn("clock", detail, cure) if difference >= CLOCK_WARN_SECONDS else ok("clock", detail)


def migrations() -> Check:
    executor = MigrationExecutor(connection)
    missing = [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        return fail("migrations", f"{len(missing)} not applied, first {missing[0]}", "Run bin/manage migrate.")
    return ok("migrations", f"all {len(executor.loader.applied_migrations)} applied")


def connections() -> Check:
    used = int(_value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    limit = int(_setting("max_connections"))
    detail = f"{used} of {limit} in use"
    if used >= limit * CONNECTIONS_WARN_SHARE:
        return warn("connections", detail, "Raise max_connections, or put PgBouncer in session mode before it.")
    return ok("connections", detail)


def email_partitions() -> Check:
    """The ledger has a place for the newest campaign and for those of the next block."""
    newest = Campaign.objects.order_by("-id").values_list("id", flat=True).first() or 0
    block = newest // CAMPAIGNS_A_PARTITION
    return _partitions("ledger partitions", [f"delivery_email_b{number}" for number in (block, block + 1)])


def message_partitions() -> Check:
    return _partitions("message partitions", _months("delivery_message"))


def event_partitions() -> Check:
    return _partitions("event partitions", _months("tracking_event"))


def _months(parent: str) -> list[str]:
    today = dt.datetime.now(dt.UTC).date()
    return [f"{parent}_{month:%Y_%m}" for month in partitions.months_from(today)[:2]]


def _partitions(name: str, wanted: list[str]) -> Check:
    missing = [table for table in wanted if _value("SELECT to_regclass(%s)::text", table) is None]
    cure = "Start the control worker and beat (bin/up): they create them each hour."
    if wanted[0] in missing:
        return fail(name, f"{wanted[0]} is missing: nothing can be recorded", cure)
    if missing:
        return warn(name, f"{', '.join(missing)} will be needed soon", cure)
    return ok(name, f"{wanted[0]} to {wanted[-1]}")


def _setting(name: str) -> str:
    return str(_value("SELECT current_setting(%s)", name))


def _value(query: str, *parameters: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
