"""How fast a file of leads is imported, and how that compares with PostgreSQL's own COPY of the same rows.

    .venv/bin/python bench/import_leads.py [--lines 100000] [--repeat 3] [--keep-engine]

Engines of its own under var/bench. Three figures a run: a new import, the same file again (nothing changes), and the
bare COPY, of the same columns into a table with the same columns, constraints and indexes: the work that no importer
can save. COPY into a table without any index is printed too, for comparison.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("MASSMAILER_VAR", "var/bench")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "massmailer.settings")

HEADERS = ("email", "first_name", "last_name", "language", "time_zone", "city", "plan", "last_order_total")
DOMAINS = ("gmail.com", "example.com", "mail.example.org", "yahoo.com", "outlook.com", "gmx.de", "example.net")


def write_file(path: Path, lines: int) -> None:
    """A clean file of eight columns with a fixed seed."""
    rng = random.Random(20_24)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        for number in range(lines):
            first, last = rng.choice(("Ann", "Bob", "José", "Zoë", "Ivan")), f"Smith{rng.randrange(20_000)}"
            address = f"{first[0].lower()}.{last.lower()}.{number}@{rng.choice(DOMAINS)}"
            language, zone = rng.choice((("en", "Europe/London"), ("de", "Europe/Berlin"), ("fr", "Europe/Paris")))
            city, plan = rng.choice(("Berlin", "Paris", "Oslo", "Łódź")), rng.choice(("free", "pro"))
            writer.writerow((address, first, last, language, zone, city, plan, f"{rng.random() * 500:.2f}"))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(path: Path) -> dict[str, float]:
    """Seconds by step."""
    from django.db import connection

    from campaigns.leads import imports

    def import_file() -> None:
        row = imports.run_import(imports.register_import(path=path, name=path.name).pk)
        assert row.state == "done", row.error

    seconds = {}
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE campaigns_lead CASCADE")
        seconds["import"] = timed(import_file)
        seconds["import again"] = timed(import_file)
        with cursor.copy(EXPORT_ROWS) as copy:
            rows = b"".join(copy)
        for name, including in (("copy, same indexes", "INCLUDING ALL"), ("copy, no index", "INCLUDING DEFAULTS")):
            cursor.execute("DROP TABLE IF EXISTS bare")
            cursor.execute(f"CREATE TABLE bare (LIKE campaigns_lead {including})")
            cursor.execute("ALTER TABLE bare ALTER id DROP IDENTITY IF EXISTS")
            seconds[name] = timed(lambda: copy_in(cursor, rows))
        cursor.execute("DROP TABLE bare")
    return seconds


COLUMNS = "id, email, mailbox_group, first_name, last_name, language, time_zone, attributes"
EXPORT_ROWS = f"COPY (SELECT {COLUMNS} FROM campaigns_lead ORDER BY id) TO STDOUT"


def copy_in(cursor, rows: bytes) -> None:  # type: ignore[no-untyped-def]  # Django's cursor wrapper
    with cursor.copy(f"COPY bare ({COLUMNS}) FROM STDIN") as copy:
        copy.write(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep-engine", action="store_true", help="leave PostgreSQL running afterwards")
    options = parser.parse_args()

    from massmailer.embedded import engines

    engines.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "leads.csv"
            write_file(path, options.lines)
            report([run(path) for _ in range(options.repeat)], options.lines)
    finally:
        if not options.keep_engine:
            engines.stop()


def report(runs: list[dict[str, float]], lines: int) -> None:
    median = {name: statistics.median(one[name] for one in runs) for name in runs[0]}
    for name, seconds in median.items():
        print(f"{name:20} {lines / seconds:10,.0f} lines/s   {seconds:6.2f} s")
    print(
        f"ratio to the bare COPY: {median['copy, same indexes'] / median['import']:.2f} (same indexes), "
        f"{median['copy, no index'] / median['import']:.2f} (no index)"
    )


if __name__ == "__main__":
    main()
