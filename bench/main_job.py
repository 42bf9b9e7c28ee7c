"""The main job at size: import, segment, send and recount, through the public commands and `bin/up`'s own workers.

    .venv/bin/python bench/main_job.py [--leads 100000]

Engines and folders of its own in a temporary place. Exit status 1 unless every lead of the segment was accepted by
the sink exactly once, every checked message is personal, the numbers added up at every poll, and a recount of the
ledger says the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

BODY = """<html><body><h1>Dear {{ lead.first_name }} {{ lead.last_name }}</h1>
<p>There is news from {{ lead.attributes.city }} for plan {{ lead.attributes.plan }}.</p>
<p><a href="https://shop.example/one">One</a> <a href="https://shop.example/two">Two</a>
<a href="https://shop.example/three">Three</a></p>
<p><a href="{{ view_url }}">In the browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
LANGUAGES = ("en", "de", "fr", "es", "it")
SEGMENT = {
    "all": [{"field": "language", "op": "in", "value": LANGUAGES[:4]}, {"field": "tags", "op": "has", "value": "vip"}]
}
POLL_SECONDS = 0.1
CHECKED_MESSAGES = 500


class Failed(Exception):
    """A promise was broken; the message says which."""


def stop_on_term() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what it started is stopped on the way out."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def write_leads(path: Path, audience: int) -> int:
    """A CSV of which `audience` people are in the segment, and one in five is not; how many lines."""
    leads = audience * 5 // 4
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "first_name", "last_name", "language", "city", "plan", "orders", "tags"])
        for n in range(leads):
            language = LANGUAGES[n % 5]
            writer.writerow([f"lead{n}@example.com", f"Ada{n}", "Lovelace", language, "Paris", "pro", n % 50, "vip"])
    return leads


def manage(*arguments: str) -> str:
    """Run one command of the product; what it printed. Raises Failed with its complaint."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def follow(campaign: str, timeout_seconds: float) -> tuple[int, dict[str, int]]:
    """Poll until nothing is pending; how many polls added up, and the last numbers."""
    from delivery.numbers import campaign_numbers

    polls, until = 0, time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        numbers = campaign_numbers(int(campaign))
        if not numbers.adds_up:
            raise Failed(f"the numbers do not add up: {numbers}")
        polls += 1
        if numbers.audience and numbers.pending == 0:
            return polls, json.loads(manage("campaign_status", campaign, "--json"))
        time.sleep(POLL_SECONDS)
    raise Failed(f"not finished within {timeout_seconds} s: {numbers}")


def check(campaign: str, expected: int, found: dict[str, int], log: Path) -> None:
    """Hold the end against the sink's own record and against the ledger."""
    accepted = [line.split("\t")[0] for line in log.read_text().splitlines()]
    if len(accepted) != len(set(accepted)):
        raise Failed(f"{len(accepted) - len(set(accepted))} second copies")
    if len(accepted) != expected or found["sent"] != expected:
        raise Failed(f"expected {expected}, the sink has {len(accepted)}, the campaign says {found}")
    recount = json.loads(manage("campaign_status", campaign, "--json", "--recount"))
    if {**recount, "state": ""} != {**found, "state": ""}:
        raise Failed(f"the ledger says {recount}, the numbers say {found}")


def check_personal(folder: Path) -> int:
    """Each of some stored messages names its own reader; how many were looked at."""
    looked_at = 0
    for path in sorted((folder / "new").iterdir())[:CHECKED_MESSAGES]:
        content = path.read_text()
        number = content.split("lead", 1)[1].split("@", 1)[0]
        if f"Ada{number}" not in content:
            raise Failed(f"{path.name} to lead{number} is not personal")
        looked_at += 1
    return looked_at


def run(audience: int) -> list[tuple[str, str]]:
    """The whole job; rows of the table. Raises Failed."""
    from bench.sink import Options, Sink
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    folder = Path(os.environ["MASSMAILER_VAR"])
    (folder / "body.html").write_text(BODY)
    (folder / "segment.json").write_text(json.dumps(SEGMENT))
    leads, expected = write_leads(folder / "leads.csv", audience), audience
    options = Options(log=str(folder / "accepted.log"), maildir=str(folder / "mail"))
    stack = BackgroundStack(StackOptions(port=find_free(), flower_port=find_free(), sandbox=False))
    with stack, Sink(options, process=True) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        started = time.monotonic()
        manage("import_leads", str(folder / "leads.csv"), "--list", "Readers")
        imported = time.monotonic() - started
        campaign = manage(
            "create_campaign", "--name", "Size", "--subject", "News for {{ lead.first_name }}", "--from",
            "News <news@sender.example>", "--html", str(folder / "body.html"), "--segment",
            str(folder / "segment.json"),
        )  # fmt: skip
        started = time.monotonic()
        manage("launch", campaign)
        polls, found = follow(campaign, timeout_seconds=600)
        sent = time.monotonic() - started
        check(campaign, expected, found, folder / "accepted.log")
    looked_at = check_personal(folder / "mail")
    return [
        ("leads imported", f"{leads:,} in {imported:.1f} s, {leads / imported:,.0f}/s with the start of the command"),
        ("leads in the segment", f"{expected:,}"),
        ("sent, each exactly once", f"{found['sent']:,} in {sent:.1f} s, {expected / sent:,.0f}/s with the launch"),
        ("messages read and found personal", f"{looked_at:,}"),
        ("polls, all of which added up", f"{polls:,}"),
        ("recount of the ledger", "the same"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=100_000, help="in the segment; the file has a quarter more")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        os.environ["MASSMAILER_VAR"] = folder
        from massmailer.embedded import engines

        try:
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
            engines.ensure()
            django.setup()
            rows = run(arguments.leads)
        except Failed as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
        finally:
            engines.destroy()
    for name, value in rows:
        print(f"{name:<34} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
