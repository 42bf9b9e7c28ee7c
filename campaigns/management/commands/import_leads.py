"""Import a CSV file of leads, in the foreground."""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from campaigns.leads import imports, sql, uploads
from campaigns.leads.errors import FileRefused
from campaigns.leads.merging import Merged, preview
from campaigns.leads.plan import DELIMITER_KEY, ENCODING_KEY, FilePlan, inspect_file, plan_source
from campaigns.leads.source import open_source
from campaigns.leads.staging import Progress, Staged, stage
from campaigns.models import LeadImport, MailingList

_PHASES = {"staging": "Reading", "merging": "Merging"}


class Command(BaseCommand):
    help = (
        "Import leads from a CSV file: any delimiter and encoding, gzip too. Known addresses are updated, bad lines "
        "are written to a file of their own. Exit status 0 when some lines were imported, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the CSV file, or - for standard input")
        parser.add_argument("--list", metavar="NAME", help="add everybody to this list; it is made if missing")
        parser.add_argument(
            "--map",
            metavar="COLUMN=FIELD",
            action="append",
            default=[],
            help="field of a column, by its name or number: email, first_name, last_name, name, language, time_zone, "
            "tags, status, attributes, attributes.NAME or ignore; may be repeated",
        )
        parser.add_argument("--encoding", default="", help="such as utf-8 or cp1252; found out when left out")
        parser.add_argument("--delimiter", default="", help=r"one character, \t for a tab; found out when left out")
        parser.add_argument("--dry-run", action="store_true", help="read and check the file, change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        mapping = _mapping(options)
        try:
            with _as_path(options["file"]) as path:
                plan = inspect_file(path, mapping=mapping)
                if not options["json"]:
                    self._show_plan(plan)
                numbers = _dry_run(path, mapping) if options["dry_run"] else _import(path, options, mapping)
        except FileRefused as error:
            raise CommandError(str(error)) from error
        self._show(numbers, as_json=options["json"])
        if not numbers["created"] + numbers["updated"]:
            raise CommandError("No line was imported; the file of rejected lines says why.")

    def _show_plan(self, plan: FilePlan) -> None:
        names = [f"{column.header or f'column {column.index + 1}'} → {column.target}" for column in plan.columns]
        self.stdout.write(f"Columns: {', '.join(names)}")

    def _show(self, numbers: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(numbers))
            return
        would = "Dry run, nothing was changed. " if numbers["dry_run"] else ""
        self.stdout.write(
            f"{would}{numbers['lines']:,} lines: {numbers['created']:,} created, {numbers['updated']:,} updated, "
            f"{numbers['repeated']:,} repeated, {numbers['rejected']:,} rejected."
        )
        if numbers["rejects_file"]:
            self.stdout.write(f"What was rejected or left out, and why: {numbers['rejects_file']}")


def _mapping(options: dict[str, Any]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in options["map"]:
        column, equals, field = pair.rpartition("=")
        if not equals or not column or not field:
            raise CommandError(f"--map {pair!r} is not COLUMN=FIELD. Example: --map 'Kontakt=email'.")
        mapping[column] = field
    if options["encoding"]:
        mapping[ENCODING_KEY] = options["encoding"]
    if options["delimiter"]:
        mapping[DELIMITER_KEY] = "\t" if options["delimiter"] == "\\t" else options["delimiter"]
    return mapping


@contextlib.contextmanager
def _as_path(name: str) -> Iterator[Path]:
    if name != "-":
        yield Path(name)
        return
    # standard input cannot be read twice, and an import that is picked up again must
    path = uploads.store(sys.stdin.buffer)
    try:
        yield path
    finally:
        uploads.discard(path)


def _import(path: Path, options: dict[str, Any], mapping: dict[str, str]) -> dict[str, Any]:
    """Run the import and return its numbers. Raises FileRefused when it fails, CommandError when it is cancelled."""
    mailing_list = MailingList.objects.get_or_create(name=options["list"])[0] if options["list"] else None
    row = imports.register_import(path=path, name=path.name, mailing_list=mailing_list, mapping=mapping)
    try:
        with _bar() as show:
            row = imports.run_import(row.pk, on_progress=show)
    except KeyboardInterrupt:
        imports.cancel_import(row.pk)
        raise CommandError("Cancelled; no lead was changed.", returncode=130) from None
    if row.state == LeadImport.State.FAILED:
        raise FileRefused(row.error)
    if row.state != LeadImport.State.DONE:
        raise CommandError("The import was cancelled; no lead was changed.")
    return {
        "import": row.pk,
        "dry_run": False,
        "lines": row.lines,
        "created": row.created_count,
        "updated": row.updated_count,
        "repeated": row.repeated_count,
        "rejected": row.rejected_count,
        "rejects_file": row.rejects_path,
    }


def _dry_run(path: Path, mapping: dict[str, str]) -> dict[str, Any]:
    with open_source(path) as source, _bar() as show:
        staged: Staged = stage(source, plan_source(source, mapping), uploads.new_path("-rejects.csv"), show)
    numbers: Merged = preview(staged)
    with connection.cursor() as cursor:
        cursor.execute(sql.DROP_STAGING)
    return {
        "import": None,
        "dry_run": True,
        "lines": staged.progress.lines,
        "created": numbers.created,
        "updated": numbers.updated,
        "repeated": numbers.repeated,
        "rejected": staged.progress.rejected,
        "rejects_file": str(staged.rejects_path or ""),
    }


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on the terminal; nothing where standard error is none."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[lines]} lines"),
    )
    console = Console(stderr=True)
    with Bar(*columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("Reading", total=None, lines="0")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=_PHASES[progress.phase],
                completed=progress.done_bytes,
                total=progress.size_bytes,
                lines=f"{progress.lines:,}",
            )

        yield show
