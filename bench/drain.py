"""How many events a second the drain takes from the stream into PostgreSQL, with ledger, roll-ups and counters.

    .venv/bin/python bench/drain.py [--events 200000] [--leads 100000] [--keep-engine]

Engines of its own under var/bench. One campaign whose leads all stand in the ledger; of the events 60 % are opens of
people, 30 % of machines, 10 % clicks, over leads drawn by chance. Two figures: most are somebody's first open (every
one updates the ledger), and the same number again for leads that have opened (the ledger is only read).
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("MASSMAILER_VAR", "var/bench")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
LEDGER = """
INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, provider_id, tries, variant, code, status, enhanced,
                            address_hash, reply)
SELECT %s, n, now() - interval '1 hour', 1, 1, 1, 0, 250, 'sent', '2.0.0', substr(sha256(n::text::bytea), 1, 8),
       'Ok: queued as 4F2A1B3C'
  FROM generate_series(1, %s) n
"""


def make_ledger(leads: int) -> int:
    """A sent campaign with that many rows in the ledger; its id."""
    from django.db import connection, transaction

    from campaigns.models import Campaign
    from delivery.partitions import ensure_email_partition

    campaign = Campaign.objects.create(name="bench", subject="s", from_email="a@sender.example", body="", state="sent")
    with transaction.atomic():
        ensure_email_partition(campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute(LEDGER, [campaign.pk, leads])
        cursor.execute("VACUUM ANALYZE delivery_email")
    return campaign.pk


def empty_stream() -> None:
    """Forget what a run that was broken off has left."""
    from django.conf import settings

    from tracking import stream

    stream.client(settings.REDIS_URL, 10).delete(stream.EVENTS, stream.PRIORITY)


def put_events(campaign_id: int, leads: int, events: int, rng: random.Random) -> None:
    """Put so many events of these leads on the stream."""
    from django.conf import settings

    from tracking import stream
    from tracking.occurrence import happened

    client = stream.client(settings.REDIS_URL, 10)
    about = {"campaign_id": campaign_id, "user_agent": AGENT, "network": "203.0.113.0/24"}
    for start in range(0, events, 5000):
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(min(5000, events - start)):
                chance, lead = rng.random(), rng.randint(1, leads)
                if chance < 0.1:
                    event = happened("click", lead_id=lead, link_number=rng.randint(1, 12), **about)
                else:
                    event = happened("open", lead_id=lead, who="machine" if chance < 0.4 else "human", **about)
                pipeline.xadd(stream.EVENTS, {stream.FIELD: event.encode()})
            pipeline.execute()


def processor_seconds() -> float:
    """Processor time used so far by this process and the backend that serves it: tells how busy the machine is."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, campaign_id: int, options: argparse.Namespace, rng: random.Random) -> None:
    from tracking.consume import drain

    empty_stream()
    put_events(campaign_id, options.leads, options.events, rng)
    start, processor = time.perf_counter(), processor_seconds()
    drained = drain(seconds=600)
    seconds, processor = time.perf_counter() - start, processor_seconds() - processor
    if (drained.new, drained.aside) != (options.events, 0):
        raise SystemExit(f"{options.events} events were put, but the drain says {drained}")
    print(
        f"{name:24} {drained.new / seconds:10,.0f} events/s   {seconds:6.2f} s   "
        f"{drained.new / processor:10,.0f} a second of processor time (ours and PostgreSQL's)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--keep-engine", action="store_true", help="leave the engines running afterwards")
    options = parser.parse_args()

    from massmailer.embedded import engines

    engines.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from tracking import partitions

    partitions.ensure_ahead(dt.datetime.now(dt.UTC).date())
    rng = random.Random(20_24)
    try:
        campaign_id = make_ledger(options.leads)
        measure("mostly first opens", campaign_id, options, rng)
        measure("mostly opened before", campaign_id, options, rng)
    finally:
        if not options.keep_engine:
            engines.stop()


if __name__ == "__main__":
    main()
