"""What one message costs a worker child, without Celery around it: batches are sent here, one after the other.

    .venv/bin/python -m bench.hot_path [--leads 20000] [--size 2000] [--runs 3] [--profile cumulative]

Engines of its own in a temporary folder, a sink in another process. Prints processor time in µs a message of this
process, PostgreSQL and the sink for each run; with --profile where the time goes (it costs time itself, so only the
shares count).
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django

from bench import throughput_references as references
from bench.main_job import manage, stop_on_term
from bench.sink import Sink
from bench.throughput_meter import Meter
from bench.throughput_stack import Load, make_campaign, make_leads, processes, sign_messages

SHOWN_LINES = 60


def launch(load: Load, folder: Path) -> list[int]:
    """A campaign of this load, launched; the ids of its batches."""
    from delivery.launch import launch_campaign
    from delivery.models import Batch

    campaign_id = make_campaign(load, folder)
    manage("launch", str(campaign_id))
    launch_campaign(campaign_id=campaign_id)
    return list(Batch.objects.filter(campaign_id=campaign_id).order_by("seq").values_list("pk", flat=True))


def send(batch_ids: list[int], sink: Sink, profile: cProfile.Profile | None) -> str:
    """Send them; one line of figures."""
    from delivery.send import send_batch

    sink.reset()
    meter = Meter(lambda: {**processes(sink), "worker": []})
    started, used = time.perf_counter(), time.process_time()
    if profile:
        profile.enable()
    count = sum(send_batch(batch_id) for batch_id in batch_ids)
    if profile:
        profile.disable()
    used, seconds = time.process_time() - used, time.perf_counter() - started
    others, _ = meter.finish()
    if sink.stats()["distinct_recipients"] != count or not count:
        raise SystemExit(f"{count} settled, but the sink counts {sink.stats()}")
    postgres, theirs = (others[name] / count * 1e6 for name in ("postgres", "sink"))
    return (
        f"{count:>8} messages  {count / seconds:>7.0f}/s  worker {used / count * 1e6:>6.1f} µs  "
        f"PostgreSQL {postgres:>5.1f} µs  sink {theirs:>5.1f} µs"
    )


def run(given: argparse.Namespace, folder: Path) -> None:
    """As many campaigns as runs, each to all leads."""
    load = Load(given.leads, given.size, given.merge_tags, given.links)
    make_leads(load.leads)
    if given.dkim:
        sign_messages()
    with references.open_sink(given.latency_ms) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        for number in range(given.runs):
            is_last = number == given.runs - 1
            profile = cProfile.Profile() if given.profile and is_last else None
            print(send(launch(load, folder), sink, profile), flush=True)
            if profile:
                pstats.Stats(profile).sort_stats(given.profile).print_stats(SHOWN_LINES)


def parse() -> Any:
    parser = argparse.ArgumentParser(
        prog="bench.hot_path", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--leads", type=int, default=20_000)
    add("--size", type=int, default=2000, metavar="BYTES")
    add("--merge-tags", type=int, default=4, metavar="N")
    add("--links", type=int, default=5, metavar="N")
    add("--dkim", action="store_true")
    add("--latency-ms", type=float, default=0.0, metavar="MS")
    add("--runs", type=int, default=3, metavar="N")
    add("--profile", choices=("cumulative", "tottime"), help="profile the last run")
    return parser.parse_args()


def main() -> int:
    given = parse()
    stop_on_term()
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        os.environ.update(MASSMAILER_VAR=folder, BOUNCE_DOMAIN="bounce.sender.example")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            run(given, Path(folder))
        finally:
            engines.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
