"""How long every report page takes over a big ledger, and whether reports slow sending down.

    .venv/bin/python -m bench.reports [--rows 10000000] [--events 20000000] [--campaigns 20] [--requests 30]
                                      [--sending] [--send-leads 500000] [--send-campaigns 3] [--turn-seconds 4]
                                      [--keep-engine]

Engines of its own under var/bench-reports; the data set stays there for the next run of the same size. Each page is
asked through Django's test client by a superuser, one request after the other, about changing campaigns and leads.
Marks: every report page within 300 ms, a lead's timeline within 50 ms; --sending: a campaign is sent while reports are
asked 10 times a second over HTTP, and are not, in turns of some seconds, and is at most 10 % slower where they are.
Exit status 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("MASSMAILER_VAR", "var/bench-reports")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

PAGE_MARK_MS = 300.0
TIMELINE_MARK_MS = 50.0


def addresses(made: Any, rng: random.Random) -> dict[str, str]:
    """One address for each kind of page, about something drawn by chance."""
    from django.urls import reverse

    campaign_id = rng.choice(made.campaign_ids)
    lead_id = rng.choice(made.lead_ids)
    after = rng.choice(made.lead_ids)
    leads = reverse("tracking_recipients", args=[campaign_id])
    compared = "&".join(f"c={pk}" for pk in rng.sample(made.campaign_ids, min(6, len(made.campaign_ids))))
    by = {name: reverse("tracking_breakdown", args=[campaign_id, name]) for name in ("domain", "group", "provider",
          "variant", "reason", "country")}  # fmt: skip
    deliverability = reverse("tracking_deliverability")
    sender = reverse("tracking_sender", args=[made.user_id])
    return {
        "timeline": reverse("tracking_timeline", args=[lead_id]),
        "list": reverse("tracking_reports"),
        "overview by hour": reverse("tracking_report", args=[campaign_id]),
        "overview by minute": f"{reverse('tracking_report', args=[campaign_id])}?scale=minute&who=all",
        "overview by day": f"{reverse('tracking_report', args=[campaign_id])}?scale=day&who=machine",
        **{f"by {name}": address for name, address in by.items()},
        "by domain, further": f"{by['domain']}?leads=3&value=d5",
        "leads": f"{leads}?after={after}",
        "leads, deferred": f"{leads}?status=deferred",
        "leads, failed": f"{leads}?status=failed&after={after}",
        "leads, clicked": f"{leads}?clicked=yes&after={after}",
        "leads, words in the reply": f"{leads}?reason=does+not+want&after={after}",
        "leads, words that are not": f"{leads}?reason=nobody+says+this",
        "leads of a small domain": f"{leads}?domain=d77.example",
        "compare six": f"{reverse('tracking_compare')}?{compared}",
        "deliverability by group": f"{deliverability}?days=90",
        "deliverability by domain": f"{deliverability}?by=domain&days=90",
        "senders": reverse("tracking_senders"),
        "sender": f"{sender}?after={after}",
    }


def time_pages(made: Any, requests: int, rng: random.Random) -> bool:
    """Print a line for each page; whether all keep to their marks."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(pk=made.user_id))
    client.get("/admin/")  # templates are read once a process
    times: dict[str, list[float]] = {}
    for _ in range(requests + 1):
        for name, address in addresses(made, rng).items():
            started = time.perf_counter()
            response = client.get(address)
            times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
            if response.status_code != 200:
                raise SystemExit(f"{address} answered {response.status_code}")
    kept = True
    print(f"\n{'page':28} {'p50 ms':>8} {'p95 ms':>8} {'mark':>6}")
    for name, found in times.items():
        # the first of each met an empty cache of plans
        ordered = sorted(found[1:])
        half, most = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        mark = TIMELINE_MARK_MS if name == "timeline" else PAGE_MARK_MS
        kept = kept and most <= mark
        print(f"{name:28} {half:8.1f} {most:8.1f} {mark:6.0f}{'' if most <= mark else '  missed'}", flush=True)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--campaigns", type=int, default=20)
    parser.add_argument("--requests", type=int, default=30)
    parser.add_argument("--sending", action="store_true")
    parser.add_argument("--send-leads", type=int, default=500_000)
    parser.add_argument("--send-campaigns", type=int, default=3, metavar="N", help="one after the other")
    parser.add_argument("--turn-seconds", type=float, default=4.0)
    parser.add_argument("--keep-engine", action="store_true", help="leave the engines running afterwards")
    options = parser.parse_args()

    from massmailer.embedded import engines

    engines.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from bench.reports_data import Size, make

    rng = random.Random(7)
    try:
        made = make(Size(options.rows, options.events, options.campaigns))
        kept = time_pages(made, options.requests, rng)
        if options.sending:
            from bench.reports_sending import compare

            kept = compare(made, options.send_leads, options.send_campaigns, options.turn_seconds, rng) and kept
        return 0 if kept else 1
    finally:
        from django.db import connections

        connections.close_all()
        if not options.keep_engine:
            engines.stop()


if __name__ == "__main__":
    sys.exit(main())
