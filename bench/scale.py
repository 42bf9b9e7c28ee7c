"""Whether costs stay what they are when everything grows; each mark of the scale has a subcommand.

    .venv/bin/python -m bench.scale sending [--small 100000] [--large 2000000]
    .venv/bin/python -m bench.scale launch  [--leads 10000000] [--by-local-time]
    .venv/bin/python -m bench.scale ledger  [--millions 20] [--unit 1000000]
    .venv/bin/python -m bench.scale workers [--leads 100000] [--children 1 2 3 4]

sending: processor time an e-mail to many leads beside that to few, and the workers' memory on the way. launch: freezing
and snapshot of one large audience, and the memory of launcher and PostgreSQL meanwhile. ledger: what a row costs as the
ledger fills, a line for each unit. workers: what one more worker child adds. How fast leads are imported beside a bare
COPY says bench.import_leads. Engines of their own in a temporary folder; leads are made by INSERT … SELECT.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import django

from bench.main_job import stop_on_term

Job = Callable[[argparse.Namespace, Path], None]


def jobs() -> dict[str, Job]:
    """The subcommands; their modules need Django."""
    from bench import scale_database, scale_sending

    return {
        "sending": scale_sending.sending,
        "workers": scale_sending.workers,
        "launch": scale_database.launch,
        "ledger": scale_database.ledger,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sending = commands.add_parser("sending")
    sending.add_argument("--small", type=int, default=100_000)
    sending.add_argument("--large", type=int, default=2_000_000)
    workers = commands.add_parser("workers")
    workers.add_argument("--leads", type=int, default=100_000)
    workers.add_argument("--children", type=int, nargs="+", default=[1, 2, 3, 4])
    for one in (sending, workers):
        one.add_argument("--size", type=int, default=2000, metavar="BYTES")
    launch = commands.add_parser("launch")
    launch.add_argument("--leads", type=int, default=10_000_000)
    launch.add_argument("--by-local-time", action="store_true", help="in eight time zones")
    ledger = commands.add_parser("ledger")
    ledger.add_argument("--millions", type=int, default=20, help="units, in truth")
    ledger.add_argument("--unit", type=int, default=1_000_000, metavar="ROWS", help="of one campaign")
    return parser.parse_args()


def main() -> int:
    given = parse()
    stop_on_term()
    with tempfile.TemporaryDirectory(prefix="mm-scale-") as folder:
        os.environ.update(MASSMAILER_VAR=folder, BOUNCE_DOMAIN="bounce.sender.example")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")
        from massmailer.embedded import engines
        from massmailer.processes import prepare

        try:
            prepare.prepare()
            django.setup()
            jobs()[given.command](given, Path(folder))
        finally:
            engines.destroy()
    return 0


if __name__ == "__main__":
    sys.exit(main())
