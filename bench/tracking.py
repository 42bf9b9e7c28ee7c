"""How many pixel and click requests a second gunicorn answers with the product's own settings, and how fast.

    .venv/bin/python -m bench.tracking [--seconds 10] [--connections 16] [--campaign 300000]

The whole stack as `bin/up` starts it, with engines of its own in a temporary folder; --campaign also sends one of so
many leads through a sink meanwhile (0: none). Nine of ten requests are pixels, one is a click on a static link, each
with a signed token of its own and a forged network, so that no limit is reached. Each connection asks again as soon as
it is answered; with keep-alive and without. The mark: 1,500 requests a second, 99 % of them within 50 ms, while a
campaign sends. Exit status 1 when an answer was wrong or an event did not reach PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import django

from bench.main_job import Failed, manage

SUBJECTS = 20_000
WARM_UP_EMAILS = 2_000
DRAIN_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. wrong: answers that were neither a pixel nor a redirect. sent: e-mails of the campaign meanwhile."""

    name: str
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    wrong: int
    sent: int = 0

    def line(self) -> str:
        rate = f"{self.requests / self.seconds:,.0f}/s"
        mail = f"{self.sent / self.seconds:,.0f}/s" if self.sent else "none"
        return f"| {self.name} | {mail} | {rate} | {self.p50_ms:.1f} ms | {self.p99_ms:.1f} ms | {self.wrong} |"


def make_targets() -> tuple[int, list[str]]:
    """A launched campaign with links and a ledger, without sending; its id, and paths of pixels and clicks."""
    from bench.drain import make_ledger
    from delivery.models import Link
    from delivery.tokens import signer

    campaign_id = make_ledger(SUBJECTS)
    Link.objects.create(campaign_id=campaign_id, number=1, url="https://shop.example/offer", label="Offer")
    paths = []
    for lead_id in range(1, SUBJECTS + 1):
        tokens = signer().sign_all("campaign", campaign_id, lead_id)
        paths.append(f"/c/{tokens.click}/1" if lead_id % 10 == 0 else f"/o/{tokens.open}.gif")
    return campaign_id, paths


def ask(port: int, paths: Path, given: argparse.Namespace, *, keep_alive: bool) -> dict[str, float]:
    """Load from a process of its own, so that it does not share our interpreter."""
    command = [
        sys.executable, "-m", "bench.tracking_load", str(port), str(paths), str(given.seconds), str(given.connections),
        "1" if keep_alive else "0",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(port: int, paths: Path, given: argparse.Namespace, campaign_id: int | None) -> list[Measured]:
    from delivery.numbers import campaign_numbers

    measured = []
    for name, keep_alive in (("keep-alive", True), ("a connection a request", False)):
        before = campaign_numbers(campaign_id).sent if campaign_id else 0
        found = ask(port, paths, given, keep_alive=keep_alive)
        sent = campaign_numbers(campaign_id).sent - before if campaign_id else 0
        if campaign_id and campaign_numbers(campaign_id).pending == 0:
            raise Failed("the campaign was over before the load: give it more leads by --campaign")
        measured.append(
            Measured(
                name,
                int(found["requests"]),
                found["seconds"],
                found["p50_ms"],
                found["p99_ms"],
                int(found["wrong"]),
                sent,
            )
        )
    return measured


def wait_for_events(campaign_id: int, wanted: int) -> None:
    """Raises Failed unless every request became one event."""
    from tracking.models import Event

    until = time.monotonic() + DRAIN_PATIENCE_SECONDS
    while (count := Event.objects.filter(campaign_id=campaign_id).count()) < wanted:
        if time.monotonic() > until:
            raise Failed(f"{wanted:,} requests were answered, but {count:,} events are recorded")
        time.sleep(0.2)
    if count != wanted:
        raise Failed(f"{wanted:,} requests were answered, but {count:,} events are recorded")


def run(given: argparse.Namespace, folder: Path) -> list[Measured]:
    from bench import throughput_references as references
    from bench.throughput_stack import Load, make_campaign, make_leads
    from campaigns.services.states import cancel_campaign
    from delivery.numbers import campaign_numbers
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    port = find_free()
    paths = folder / "paths"
    with BackgroundStack(StackOptions(port=port, flower_port=find_free(), sandbox=False)):
        tracked, found = make_targets()
        paths.write_text("\n".join(found))
        if not given.campaign:
            measured = measure(port, paths, given, None)
        else:
            with references.open_sink(0) as sink:
                manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
                make_leads(given.campaign)
                campaign_id = make_campaign(Load(given.campaign, 2_000, 4, 5), folder)
                manage("launch", str(campaign_id))
                while campaign_numbers(campaign_id).sent < WARM_UP_EMAILS:
                    time.sleep(0.1)
                measured = measure(port, paths, given, campaign_id)
                cancel_campaign(campaign_id=campaign_id)
        wait_for_events(tracked, sum(one.requests for one in measured))
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--campaign", type=int, default=0, metavar="LEADS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mm-tracking-") as name:
        os.environ["MASSMAILER_VAR"] = name
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            measured = run(given, Path(name))
        except Failed as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
        finally:
            engines.destroy()
    print("| connections | e-mails meanwhile | requests | median | 99 % | wrong |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for one in measured:
        print(one.line())
    return int(any(one.wrong for one in measured))


if __name__ == "__main__":
    sys.exit(main())
