"""A backlog of a million events, and PostgreSQL away for minutes: nothing is lost, nothing counted twice.

    .venv/bin/python -m bench.drain_backlog [--events 1000000] [--leads 500000] [--outage SECONDS]

Engines of its own under var/bench. The events wait in the stream and are drained as the control worker does it, by one
`tracking.drain` after the other. With --outage PostgreSQL is stopped in the middle, for so long, while events go on
coming and drains go on trying. Prints the rate and how much memory grew; exit status 1 unless events, roll-ups, first
opens and first clicks are exactly those of what was put.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import random
import sys
import time
from collections.abc import Iterator

os.environ.setdefault("MASSMAILER_VAR", "var/bench")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

MEGABYTE = 2**20
# events that come each second while PostgreSQL is away
COMING = 1000


def memory_bytes() -> int:
    """What this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def waiting() -> int:
    """Entries of the stream."""
    from django.conf import settings

    from tracking import stream

    return int(stream.client(settings.REDIS_URL, 10).xlen(stream.EVENTS))


def drains() -> Iterator[int]:
    """Drain as the worker does until nothing waits; what is left after each."""
    while left := waiting():
        drain_once()
        yield left


def drain_once() -> None:
    """One task, between which Celery gives a connection up that does not work."""
    from django.db import close_old_connections

    from tracking import tasks

    close_old_connections()
    tasks.drain()


def outage(seconds: float, campaign_id: int, options: argparse.Namespace, rng: random.Random) -> int:
    """Stop PostgreSQL for so long while drains go on trying and events go on coming; how many came."""
    from bench.drain import put_events
    from massmailer.embedded import postgres

    postgres.stop()
    came = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        put_events(campaign_id, options.leads, COMING, rng)
        came += COMING
        drain_once()
        time.sleep(max(0.0, begun + 1 - time.monotonic()))
    postgres.start()
    return came


def check(campaign_id: int, put: int) -> list[str]:
    """What is not as it must be."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(CHECK, {"campaign": campaign_id})
        events, minutes, links, clicks, opened, clicked, has_opened, has_clicked, strays = cursor.fetchone()
    wanted = {
        "events": (events, put), "by minute": (minutes, put), "clicks by link": (links, clicks),
        "opened": (opened, has_opened), "clicked": (clicked, has_clicked), "parked or aside": (strays, 0),
    }  # fmt: skip
    return [f"{name}: {found:,} instead of {right:,}" for name, (found, right) in wanted.items() if found != right]


CHECK = """
SELECT (SELECT count(*) FROM tracking_event WHERE campaign_id = %(campaign)s),
       (SELECT sum(count) FROM tracking_minute WHERE campaign_id = %(campaign)s),
       (SELECT sum(count) FROM tracking_link WHERE campaign_id = %(campaign)s),
       (SELECT count(*) FROM tracking_event WHERE campaign_id = %(campaign)s AND kind = 'click'),
       c.opened, c.clicked,
       (SELECT count(DISTINCT lead_id) FROM tracking_event
         WHERE campaign_id = %(campaign)s AND kind = 'open' AND who = 'human'),
       (SELECT count(DISTINCT lead_id) FROM tracking_event
         WHERE campaign_id = %(campaign)s AND kind = 'click' AND who = 'human'),
       (SELECT count(*) FROM tracking_parkedevent) + (SELECT count(*) FROM tracking_asideevent)
  FROM campaigns_campaign c WHERE c.id = %(campaign)s
"""


def run(options: argparse.Namespace) -> list[str]:
    from bench.drain import empty_stream, make_ledger, put_events

    rng = random.Random(20_24)
    campaign_id = make_ledger(options.leads)
    empty_stream()
    put_events(campaign_id, options.leads, options.events, rng)
    put, begun, pause = options.events, time.perf_counter(), 0.0
    first = peak = 0
    for left in drains():
        first, peak = first or memory_bytes(), max(peak, memory_bytes())
        if options.outage and not pause and left < options.events // 2:
            pause = time.perf_counter()
            put += outage(options.outage, campaign_id, options, rng)
            pause = time.perf_counter() - pause
    seconds = time.perf_counter() - begun - pause
    print(f"{put:,} events in {seconds:.1f} s of draining, {put / seconds:,.0f} a second;")
    print(f"memory after the first drain {first / MEGABYTE:.0f} MB, at most {peak / MEGABYTE:.0f} MB")
    if pause:
        print(f"PostgreSQL was away for {pause:.0f} s, in which {put - options.events:,} events came")
    return check(campaign_id, put)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=500_000)
    parser.add_argument("--outage", type=float, default=0.0, metavar="SECONDS", help="PostgreSQL is away for so long")
    options = parser.parse_args()

    from massmailer.embedded import engines

    engines.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    # a line for each drain that found PostgreSQL away
    logging.getLogger("tracking").setLevel(logging.ERROR)
    call_command("migrate", verbosity=0)
    from tracking import partitions

    partitions.ensure_ahead(dt.datetime.now(dt.UTC).date())
    try:
        wrong = run(options)
    finally:
        engines.destroy()
    for line in wrong:
        print(f"FAILED: {line}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
