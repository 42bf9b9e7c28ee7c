"""How many messages a second POST /api/v1/messages accepts, how fast, and how soon they are handed to SMTP.

    .venv/bin/python -m bench.api [--seconds 20] [--connections 16] [--rate 320] [--recipients 1] [--campaign 1000000]
                                  [--unique] [--kilobytes 4] [--idempotent]

The whole stack as `bin/up` starts it, with engines of its own and one sink for all mail. `--rate 0` posts as fast as
answers come; with a rate, an answer's time runs from the moment at which the request was due. `--campaign` sends a
campaign of so many leads meanwhile; `--unique` writes other HTML in every request, which is then compiled for each;
`--idempotent` sends an Idempotency-Key with each.
Exit status 1 unless, with a rate, 300 messages a second were accepted, 99 % of the requests within 100 ms, and half of
the messages were handed over within a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django

from bench.api_client import Answers, Load, run

MARK_A_SECOND, MARK_P99_SECONDS, MARK_HAND_OVER_SECONDS = 300.0, 0.1, 1.0
# marks of a command line, in the order in which they are looked for
GROUPS = {
    "gunicorn": "web", "-Q transactional": "transactional worker", "-Q bulk": "bulk worker", "celery": "other workers",
    "postgres": "postgres", "valkey": "valkey", "bench.sink": "sink", "bench.api": "load",
}  # fmt: skip
PARAGRAPH = "<p>Hello {{ data.name }}, your order {{ data.number }} of today is on its way to you.</p>"


@dataclass(frozen=True, slots=True)
class Measured:
    """hand_over: seconds from acceptance to the server's answer, ascending, of a sample."""

    answers: Answers
    hand_over: list[float]
    campaign_a_second: float
    cpu: dict[str, float]


def body_of(recipients: int, unique: bool, kilobytes: float) -> Callable[[int], bytes]:
    html = PARAGRAPH + f"<p>{'All of this belongs to it. ' * 36}</p>" * max(0, round(kilobytes) - 1)

    def body(number: int) -> bytes:
        message = {
            "to": [
                {"email": f"buyer{number}-{one}@d{one % 50}.example", "data": {"name": "Ada", "number": number}}
                for one in range(recipients)
            ],
            "from": {"email": "shop@sender.example", "name": "Shop"},
            "subject": "Order {{ data.number }}",
            "html": html + (f"<p>{number}</p>" if unique else ""),
            "tags": ["order"],
        }
        return json.dumps(message).encode()

    return body


def measure(given: argparse.Namespace, folder: Path) -> Measured:
    from bench import throughput_references as references
    from bench.main_job import manage
    from campaigns.api import keys
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    options = StackOptions(port=find_free(), flower_port=find_free(), sandbox=False)
    with BackgroundStack(options), references.open_sink(0) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        _, secret = keys.create_key(name="Bench", scopes=["messages:write"], rate_per_second=None)
        body = body_of(given.recipients, given.unique, given.kilobytes)
        run(Load(options.port, "/api/v1/messages", secret, 2, given.connections, 50, body))
        campaign_id = start_campaign(given.campaign, folder) if given.campaign else 0
        before, used = sent_of(campaign_id), cpu_seconds()
        load = Load(
            options.port, "/api/v1/messages", secret, given.seconds, given.connections, given.rate, body,
            "order-" if given.idempotent else "",
        )  # fmt: skip
        answers = run(load)
        cpu = {name: seconds - used.get(name, 0.0) for name, seconds in cpu_seconds().items()}
        meanwhile = (sent_of(campaign_id) - before) / answers.elapsed
        return Measured(answers, hand_over(given.seconds), meanwhile, cpu)


def cpu_seconds() -> dict[str, float]:
    """Processor time so far: of our processes by what they are for, and of all other programs of this machine."""
    import psutil

    found: dict[str, float] = {}
    for process in {process for root in _roots() for process in (root, *root.children(recursive=True))}:
        with suppress(psutil.NoSuchProcess):
            words, times = " ".join(process.cmdline()), process.cpu_times()
            group = next((group for mark, group in GROUPS.items() if mark in words), "other processes")
            found[group] = found.get(group, 0.0) + times.user + times.system
    machine = psutil.cpu_times()
    busy = machine.user + machine.nice + machine.system
    return found | {"other programs": busy - sum(found.values())}


def _roots() -> list[Any]:
    """This process, which started the stack and the sink, and the engines, which stand by themselves."""
    import psutil

    from massmailer.embedded import paths

    marks = (str(paths.postgres_data()), str(paths.valkey_socket()))
    lines = {process: " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])}
    return [psutil.Process(), *(process for process, line in lines.items() if any(mark in line for mark in marks))]


def start_campaign(leads: int, folder: Path) -> int:
    from bench.main_job import manage
    from bench.throughput_stack import Load as CampaignLoad
    from bench.throughput_stack import make_campaign, make_leads

    make_leads(leads)
    campaign_id = make_campaign(CampaignLoad(leads, 2_000, 4, 5), folder)
    manage("launch", str(campaign_id))
    while sent_of(campaign_id) < min(5_000, leads // 4):
        time.sleep(0.1)
    return campaign_id


def sent_of(campaign_id: int) -> int:
    from delivery.numbers import campaign_numbers

    return campaign_numbers(campaign_id).sent if campaign_id else 0


def hand_over(seconds: float) -> list[float]:
    """Waits for what was accepted, a minute at most; how long each took by the database's clock."""
    from django.db import connection

    until = time.monotonic() + 60
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT count(*) FROM delivery_message WHERE status IN ('queued', 'sending')")
            if not cursor.fetchone()[0]:
                break
            time.sleep(0.2)
        cursor.execute(
            "SELECT extract(epoch FROM at - created_at)::float8 FROM delivery_message "
            "WHERE status = 'sent' AND created_at > now() - %s * interval '1 second' ORDER BY 1",
            [seconds + 61],
        )
        return [row[0] for row in cursor.fetchall()]


def share(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=320, help="requests a second; 0: as fast as answers come")
    parser.add_argument("--recipients", type=int, default=1)
    parser.add_argument("--campaign", type=int, default=0, metavar="LEADS")
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--idempotent", action="store_true")
    parser.add_argument("--kilobytes", type=float, default=4, help="of HTML")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mm-api-") as name:
        os.environ["MASSMAILER_VAR"] = name
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            return report(given, measure(given, Path(name)))
        finally:
            engines.destroy()


def report(given: argparse.Namespace, found: Measured) -> int:
    ordered = sorted(found.answers.seconds)
    accepted = found.answers.statuses[202] * given.recipients / found.answers.elapsed
    p99, half = share(ordered, 0.99), share(found.hand_over, 0.5)
    lines = [
        f"requests            {len(ordered):>8} in {found.answers.elapsed:.1f} s, {dict(found.answers.statuses)}",
        f"accepted messages   {accepted:>8.0f} /s",
        f"answer              {share(ordered, 0.5) * 1000:>8.1f} ms median, {p99 * 1000:.1f} ms p99, "
        f"{ordered[-1] * 1000:.0f} ms worst",
        f"hand-over to SMTP   {half:>8.2f} s median, {share(found.hand_over, 0.99):.2f} s p99, of "
        f"{len(found.hand_over)}",
        f"campaign meanwhile  {found.campaign_a_second:>8.0f} e-mails/s",
        # other programs: how quiet the machine was
        "processor seconds   " + ", ".join(f"{name} {used:.1f}" for name, used in sorted(found.cpu.items())),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    is_met = accepted >= MARK_A_SECOND and p99 < MARK_P99_SECONDS and half < MARK_HAND_OVER_SECONDS
    return 0 if is_met or not given.rate else 1


if __name__ == "__main__":
    sys.exit(main())
