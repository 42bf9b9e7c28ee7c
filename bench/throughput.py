"""How fast the whole product sends, beside what others do against the same sink in the same run.

    .venv/bin/python -m bench.throughput [--leads 200000] [--size 2000] [--merge-tags 4] [--links 5] [--dkim]

Starts the real stack with engines of its own in a temporary folder, launches campaigns through the public commands,
and measures each from the launch to the last recorded outcome. After each campaign all of the stack is halted and the
references have their turn: Postfix's `smtp-source -d`, Django's EmailMultiAlternatives over one connection with the
same merge tags and links (its own, untracked), smtplib with a message that is ready, and aiosmtplib where it is
installed. Exit status 1 unless the sink got every recipient of a campaign exactly once. Rates depend on what else the
machine does; ratios of sums over several turns, and processor time, less so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import django

from bench import throughput_references as references
from bench.main_job import Failed, manage, stop_on_term
from bench.throughput_references import Reference
from bench.throughput_report import Report
from bench.throughput_sizing import rsa_rate, sizing
from bench.throughput_stack import (
    Load,
    Sent,
    allow_connections,
    halted,
    make_campaign,
    make_leads,
    send_campaign,
    sign_messages,
    together,
)

SLOW_SECONDS = 5.0
# about what they reach on a small machine, so that each runs for some seconds
SMTP_SOURCE_RATE, PYTHON_RATE = 10_000, {"django": 800, "smtplib": 3_000, "aiosmtplib": 1_500}


def run(load: Load, given: argparse.Namespace, folder: Path) -> tuple[list[Sent], list[Reference]]:
    """A campaign through the whole stack and then the references, as often as there are turns."""
    from massmailer.processes.background import BackgroundStack
    from massmailer.processes.options import StackOptions
    from massmailer.processes.ports import find_free

    size = sizing(given.latency_ms, given.size, given.workers, chunking=not given.no_chunking)
    options = StackOptions(port=find_free(), flower_port=find_free(), sandbox=False, bulk_workers=size.children)
    sent, others = list[Sent](), list[Reference]()
    with BackgroundStack(options), references.open_sink(given.latency_ms, chunking=not given.no_chunking) as sink:
        manage("add_provider", "--name", "Sink", "--smtp", f"smtp://127.0.0.1:{sink.port}")
        allow_connections(size.connections)
        make_leads(load.leads)
        if given.dkim:
            sign_messages()
        for _ in range(given.turns):
            sent.append(send_campaign(make_campaign(load, folder), load, sink))
            with halted(sink):
                found = run_references(round(sent[-1].size_bytes), given)
            sink.reset()
            show_turn(sent[-1], found)
            others += found
    return sent, others


def show_turn(sent: Sent, others: list[Reference]) -> None:
    """One line on stderr: how this turn went, beside the references of the same turn."""
    smtp_source = max((one.rate for one in others if one.name.startswith("smtp-source")), default=0)
    beside = f", smtp-source {smtp_source:,.0f}/s" if smtp_source else ""
    print(f"{sent.messages / sent.seconds:,.0f}/s{beside}, idle {sent.idle_share:.0%}", file=sys.stderr, flush=True)


def run_references(size_bytes: int, given: argparse.Namespace) -> list[Reference]:
    """The others, each for some seconds against a sink of its own that answers at once: the limit of the machine."""
    if not given.reference_seconds:
        return []
    seconds = given.reference_seconds / given.turns
    with references.open_sink(0.0) as sink:
        found = references.run_smtp_source(sink, round(SMTP_SOURCE_RATE * seconds), size_bytes)
        if given.latency_ms:
            return found
        for name, rate in PYTHON_RATE.items():
            message = references.Message(round(rate * seconds), size_bytes, given.merge_tags, given.links)
            found.append(references.run_python(name, sink, message))
        return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.throughput", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--leads", type=int, default=200_000)
    add("--size", type=int, default=2000, metavar="BYTES", help="of a whole message, about (default: 2000)")
    add("--merge-tags", type=int, default=4, metavar="N", help="in the body; the subject has one more")
    add("--links", type=int, default=5, metavar="N", help="tracked ones, each in the HTML and in the plain text")
    add("--dkim", action="store_true", help="sign every message with RSA of 2048 bits")
    add("--latency-ms", type=float, default=0.0, metavar="MS", help="the sink answers so late")
    add(
        "--no-chunking",
        action="store_true",
        help="each message waits for its 354",
    )
    add("--workers", type=int, default=0, metavar="N", help="children of the bulk worker; 0: by docs/capacity.md")
    add("--turns", type=int, default=1, metavar="N", help="campaigns, with the references after each of them")
    add("--reference-seconds", type=float, default=SLOW_SECONDS, metavar="S", help="each runs so long; 0: none of them")
    add("--json", action="store_true", help="one JSON object instead of the table")
    return parser.parse_args()


def main() -> int:
    given = parse()
    stop_on_term()
    load = Load(given.leads, given.size, given.merge_tags, given.links)
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        # with return paths of its own for every message, as in production
        os.environ.update(MASSMAILER_VAR=folder, BOUNCE_DOMAIN="bounce.sender.example")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            sent, others = run(load, given, Path(folder))
        except Failed as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
        finally:
            engines.destroy()
    signatures = rsa_rate() if given.dkim else 0.0
    size = sizing(given.latency_ms, given.size, given.workers, chunking=not given.no_chunking)
    report = Report(together(sent), references.together(others), size, signatures)
    print(json.dumps(report.as_dict()) if given.json else report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
