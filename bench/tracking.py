"""How many pixel and click requests a second gunicorn answers with the product's own settings, and how fast.

    .venv/bin/python -m bench.tracking [--seconds 10] [--connections 16] [--rate 1500] [--campaign 300000]

The whole stack as `bin/up` starts it, with engines of its own in a temporary folder; --campaign also sends one of so
many leads through a sink meanwhile (0: none). Nine of ten requests are pixels, one is a click on a static link, each
with a signed token of its own and a forged network, so that no limit is reached. Three ways: each connection is kept
and asks again as soon as it is answered (a closed loop: when the server is slow the load is less); at --rate, over
connections that are kept; and the first with a connection for each request. The load is wrk's (apt-get install wrk),
or Python's where that is missing, on the same cores. The mark: 1,500 requests a second, 99 % of them within 50 ms,
while a campaign sends. Exit status 1 when an answer was wrong or an event did not reach PostgreSQL.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import psutil

from bench import tracking_generators as generators
from bench.main_job import Failed, manage, stop_on_term
from bench.tracking_generators import Answered, Pressure

SUBJECTS = 20_000
WARM_UP_EMAILS = 2_000
# the stack's first tasks are done by then
WARM_UP_SECONDS = 5
DRAIN_PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. sent: e-mails of the campaign meanwhile. web_us: processor time of the web's processes a request."""

    name: str
    answered: Answered
    sent: int
    web_us: float

    def line(self) -> str:
        one = self.answered
        mail = f"{self.sent / one.seconds:,.0f}/s" if self.sent else "none"
        rate = f"{one.requests / one.seconds:,.0f}/s"
        return (
            f"| {self.name} | {mail} | {rate} | {one.p50_ms:.1f} ms | {one.p99_ms:.1f} ms | {one.wrong} |"
            f" {self.web_us:.0f} µs |"
        )


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


def pressures(given: argparse.Namespace) -> list[Pressure]:
    sizes = (given.seconds, given.connections)
    return [Pressure(*sizes), Pressure(*sizes, rate=given.rate), Pressure(*sizes, keep_alive=False)]


def web_seconds() -> float:
    """Processor time of gunicorn and its workers so far."""
    from massmailer.processes import record

    main = psutil.Process(record.read().children["web"])
    times = [one.cpu_times() for one in (main, *main.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def measure(port: int, paths: Path, pressure: Pressure, campaign_id: int | None) -> Measured:
    """Raises Failed where the campaign ended meanwhile."""
    from delivery.numbers import campaign_numbers

    before, spent = campaign_numbers(campaign_id).sent if campaign_id else 0, web_seconds()
    answered = generators.ask(port, paths, pressure)
    spent = web_seconds() - spent
    after = campaign_numbers(campaign_id) if campaign_id else None
    if after and after.pending == 0:
        raise Failed("the campaign was over before the load: give it more leads by --campaign")
    sent = after.sent - before if after else 0
    return Measured(pressure.name, answered, sent, spent / max(1, answered.requests) * 1e6)


def wait_for_events(campaign_id: int, answered: int, unheard: int) -> int:
    """How many events are recorded when all are. Raises Failed unless every request that was answered became one.

    unheard: so many more there may be, of requests whose answers the load did not wait for when its time was over.
    """
    from tracking.models import Event

    until = time.monotonic() + DRAIN_PATIENCE_SECONDS
    events = Event.objects.filter(campaign_id=campaign_id)
    while (count := events.count()) < answered and time.monotonic() < until:
        time.sleep(0.2)
    if not answered <= count <= answered + unheard:
        raise Failed(f"{answered:,} requests were answered, but {count:,} events are recorded")
    return count


@contextmanager
def campaign(leads: int, folder: Path) -> Iterator[int | None]:
    """A campaign that is being sent through a sink; its id. It is cancelled at the end."""
    if not leads:
        yield None
        return
    from bench import throughput_references as references
    from bench.throughput_stack import Load, make_campaign, make_leads
    from campaigns.services.states import cancel_campaign
    from delivery.numbers import campaign_numbers

    with references.open_sink(0) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        make_leads(leads)
        campaign_id = make_campaign(Load(leads, 2_000, 4, 5), folder)
        manage("launch", str(campaign_id))
        while campaign_numbers(campaign_id).sent < WARM_UP_EMAILS:
            time.sleep(0.1)
        yield campaign_id
        cancel_campaign(campaign_id=campaign_id)


def run(given: argparse.Namespace, folder: Path) -> list[Measured]:
    """Print each measurement as it comes. Raises Failed."""
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    port, paths = find_free(), folder / "paths"
    measured = []
    with BackgroundStack(StackOptions(port=port, flower_port=find_free(), sandbox=False)):
        tracked, found = make_targets()
        paths.write_text("\n".join(found))
        with campaign(given.campaign, folder) as campaign_id:
            warm_up = generators.ask(port, paths, Pressure(WARM_UP_SECONDS, given.connections))
            for pressure in pressures(given):
                measured.append(measure(port, paths, pressure, campaign_id))
                print(measured[-1].line(), flush=True)
        answered = warm_up.requests + sum(one.answered.requests for one in measured)
        events = wait_for_events(tracked, answered, (1 + len(measured)) * given.connections)
    print(f"\n{answered:,} requests were answered, {events:,} events are recorded. Load by {generators.NAME}.")
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=int, default=1500, help="requests a second of the second run")
    parser.add_argument("--campaign", type=int, default=0, metavar="LEADS")
    given = parser.parse_args()
    stop_on_term()
    with tempfile.TemporaryDirectory(prefix="mm-tracking-") as name:
        os.environ["MASSMAILER_VAR"] = name
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            print("| connections | e-mails meanwhile | requests | median | 99 % | wrong | web a request |")
            print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
            measured = run(given, Path(name))
        except Failed as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
        finally:
            engines.destroy()
    return int(any(one.answered.wrong for one in measured))


if __name__ == "__main__":
    sys.exit(main())
