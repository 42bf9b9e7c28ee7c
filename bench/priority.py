"""How long an order confirmation waits while a campaign of a million leads is being sent.

    .venv/bin/python -m bench.priority [--leads 1000000] [--messages 300] [--gap-ms 100]

The whole stack as `bin/up` starts it, with engines of its own in a temporary folder and one sink for both streams. A
message is measured by the database's clock, from its acceptance (the commit of its row) to the provider's answer as it
was recorded. Exit status 1 unless the median is below one second and 99 % are below three, the design's promise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import django

PROMISED_MEDIAN_SECONDS, PROMISED_P99_SECONDS = 1.0, 3.0
WARM_UP_EMAILS = 5_000


def measure(leads: int, messages: int, gap_seconds: float, folder: Path) -> tuple[list[float], int, float]:
    """Seconds that each message waited, ascending; e-mails that the campaign sent meanwhile, in how many seconds."""
    from bench import throughput_references as references
    from bench.main_job import Failed, manage
    from bench.throughput_stack import Load, make_campaign, make_leads
    from campaigns.services.states import cancel_campaign
    from delivery.models import Message
    from delivery.numbers import campaign_numbers
    from delivery.transactional import queue_message
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    options = StackOptions(port=find_free(), flower_port=find_free(), sandbox=False)
    with BackgroundStack(options), references.open_sink(0) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        make_leads(leads)
        campaign_id = make_campaign(Load(leads, 2_000, 4, 5), folder)
        manage("launch", str(campaign_id))
        while campaign_numbers(campaign_id).sent < WARM_UP_EMAILS:
            time.sleep(0.1)
        began, before = time.monotonic(), campaign_numbers(campaign_id).sent
        ids = []
        for number in range(messages):
            ids.append(queue_message(to=f"buyer{number}@example.com", subject="Your order", html="<p>Thank you.</p>"))
            time.sleep(gap_seconds)
        seconds, sent = time.monotonic() - began, campaign_numbers(campaign_id).sent - before
        if campaign_numbers(campaign_id).pending == 0:
            raise Failed("the campaign was over before the last message: give it more --leads")
        until = time.monotonic() + 60
        while Message.objects.filter(id__in=ids, status="sent").count() < messages:
            if time.monotonic() > until:
                raise Failed("not all messages were sent within a minute")
            time.sleep(0.1)
        waits = sorted((row.at - row.created_at).total_seconds() for row in Message.objects.filter(id__in=ids))
        cancel_campaign(campaign_id=campaign_id)
    return waits, sent, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--gap-ms", type=float, default=100.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mm-priority-") as name:
        os.environ["MASSMAILER_VAR"] = name
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            waits, sent, seconds = measure(given.leads, given.messages, given.gap_ms / 1000, Path(name))
        finally:
            engines.destroy()
    median, p99 = statistics.median(waits), waits[min(len(waits) - 1, round(len(waits) * 0.99))]
    print("| campaign, leads | it sends meanwhile | messages | median wait | 99 % | longest |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    times = " | ".join(f"{one:.3f} s" for one in (median, p99, waits[-1]))
    print(f"| {given.leads:,} | {sent / seconds:,.0f}/s | {len(waits)} | {times} |")
    return int(median >= PROMISED_MEDIAN_SECONDS or p99 >= PROMISED_P99_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
