"""Ledger, events, roll-ups and messages by day, as files for a data warehouse."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracking.reports import ReportTooSlow
from tracking.warehouse.export import Wanted, export
from tracking.warehouse.tables import GROUPS
from tracking.warehouse.writers import FORMATS


def day(text: str) -> dt.date:
    """A day such as 2026-11-26, "today" or "yesterday", in UTC. Raises CommandError."""
    today = dt.datetime.now(dt.UTC).date()
    if text in ("today", "yesterday"):
        return today - dt.timedelta(days=text == "yesterday")
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a day. Write it as 2026-11-26, today or yesterday.") from error


class Command(BaseCommand):
    help = "Write ledger, events, roll-ups and messages by day, for a data warehouse. Finished days are left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="folder; made where it is missing")
        parser.add_argument("--from", dest="first", required=True, metavar="DATE", help="first day, in UTC")
        parser.add_argument("--to", dest="last", required=True, metavar="DATE", help="last day, included")
        parser.add_argument("--format", choices=FORMATS, default="parquet")
        parser.add_argument("--tables", default=",".join(GROUPS), help=f"of {', '.join(GROUPS)}, with commas between")
        parser.add_argument("--force", action="store_true", help="write finished days again: the ledger changes later")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted = Wanted(
            folder=options["out"],
            first=day(options["first"]),
            last=day(options["last"]),
            file_format=options["format"],
            tables=tables(options["tables"]),
            force=options["force"],
        )
        if wanted.first > wanted.last:
            raise CommandError(f"--from {wanted.first} is after --to {wanted.last}.")
        try:
            for done in export(wanted, dt.datetime.now(dt.UTC)):
                state = "written" if done.is_new else "finished before"
                self.stdout.write(f"{done.day} {done.table}: {done.rows:,} rows, {state}")
        except OSError as error:
            raise CommandError(f"{wanted.folder} cannot be written: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{wanted.folder}/manifest.json is not ours, or broken: {error}") from error
        except ReportTooSlow as error:
            raise CommandError("A day took more than an hour to read. Run this again: it goes on there.") from error


def tables(text: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in found if name not in GROUPS]
    if unknown or not found:
        raise CommandError(f"--tables: no {', '.join(unknown) or 'table'}; there are {', '.join(GROUPS)}.")
    return found
