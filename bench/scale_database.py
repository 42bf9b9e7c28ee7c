"""bench.scale where only PostgreSQL works: launching a large audience, and filling the ledger."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench.throughput_meter import Meter
from bench.throughput_stack import Load, make_campaign, make_leads, postgres_pid

WINDOW = 48
# a partition takes the campaigns of one block of ids; these are of one, the worst case
FILL = f"""
DO $$ BEGIN
    FOR low IN 1..{{rows}} BY {WINDOW} LOOP
        INSERT INTO delivery_email (campaign_id, lead_id, at, attempt, provider_id, tries, variant, code, status,
                                    enhanced, address_hash, reply)
        SELECT {{campaign}}, n, clock_timestamp(), 1, 1, 1, 0, 250, 'sent', '2.0.0',
               substr(sha256(n::text::bytea), 1, 8), 'Ok: queued as 4F2A1B3C'
          FROM generate_series(low, least(low + {WINDOW - 1}, {{rows}})) n;
        COMMIT;
    END LOOP;
END $$
"""
ZONES = (
    "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Europe/London", "America/Chicago",
    "Australia/Sydney", "America/Sao_Paulo",
)  # fmt: skip


def launch(given: argparse.Namespace, folder: Path) -> None:
    """Seconds of one launch, and how far memory rose."""
    from django.db import connection

    from campaigns.models import Campaign
    from delivery.launch import launch_campaign
    from delivery.models import Batch

    make_leads(given.leads)
    campaign_id = make_campaign(Load(given.leads, 2000, 4, 5), folder)
    if given.by_local_time:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE campaigns_lead SET time_zone = (%s::text[])[1 + mod(id, 8)]", [list(ZONES)])
            cursor.execute("VACUUM ANALYZE campaigns_lead")
    Campaign.objects.filter(pk=campaign_id).update(state="launching", by_local_time=given.by_local_time)
    connection.close()
    before = _private_mb([os.getpid()]), _private_mb(postgres_pid())
    meter = Meter(lambda: {"launcher": [os.getpid()], "postgres": postgres_pid()})
    began = time.monotonic()
    if not launch_campaign(campaign_id=campaign_id):
        raise SystemExit("the launch failed")
    seconds = time.monotonic() - began
    used, peaks = meter.finish()
    batches = Batch.objects.filter(campaign_id=campaign_id).count()
    million = seconds / given.leads * 1e6
    print(
        f"{given.leads:,} leads in {batches:,} batches: {seconds:.1f} s, {million:.1f} a million; "
        f"processor time {used['launcher']:.1f} s here, {used['postgres']:.1f} s in PostgreSQL"
    )
    print(
        f"memory: launcher {before[0]:,.0f} MB, at most {peaks['launcher'] / 1e6:,.0f}; "
        f"PostgreSQL {before[1]:,.0f} MB, at most {peaks['postgres'] / 1e6:,.0f} with its shared buffers"
    )


def _private_mb(pids: list[int]) -> float:
    """Proportional memory of these processes and their children, as the meter takes it."""
    _, peaks = Meter(lambda: {"all": pids}).finish()
    return peaks["all"] / 1e6


def ledger(given: argparse.Namespace, _folder: Path) -> None:
    """One line for each unit: what a row took in windows of a transaction each."""
    from django.db import connection, transaction

    from delivery import partitions

    with transaction.atomic():
        partitions.ensure_email_partition(1)
    print(f"{'rows before':>14} {'wall µs a row':>14} {'PostgreSQL µs a row':>20}")
    with connection.cursor() as cursor:
        for number in range(1, given.millions + 1):
            meter, began = Meter(lambda: {"postgres": postgres_pid()}), time.monotonic()
            cursor.execute(FILL.format(campaign=number, rows=given.unit))
            wall = time.monotonic() - began
            used, _ = meter.finish()
            figures = wall / given.unit * 1e6, used["postgres"] / given.unit * 1e6
            print(f"{(number - 1) * given.unit:>14,} {figures[0]:>14.2f} {figures[1]:>20.2f}", flush=True)
