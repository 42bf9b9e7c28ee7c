"""Import a file of addresses, hashes or domains that are not to be mailed, in the foreground."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.leads.errors import FileRefused
from campaigns.models import Suppression, SuppressionImport
from campaigns.suppression import file as files
from campaigns.suppression import imports


class Command(BaseCommand):
    help = (
        "Import addresses, SHA-256 hashes of addresses, or domains that are not to be mailed, from a file of any "
        "dialect. A column of reasons is used where there is one. Bad lines are written to a file of their own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the CSV file")
        parser.add_argument(
            "--reason", choices=Suppression.Reason.values, default=Suppression.Reason.IMPORTED.value,
            help="for lines that name none; imported when left out",
        )  # fmt: skip
        parser.add_argument("--hash-only", action="store_true", help="store hashes of addresses, never the addresses")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        path = Path(options["file"])
        try:
            files.inspect(path)
        except FileRefused as error:
            raise CommandError(str(error)) from error
        row = imports.register_import(
            path=path, name=path.name, reason=options["reason"], hash_only=options["hash_only"]
        )
        try:
            row = imports.run_import(row.pk, on_progress=self._show)
        except KeyboardInterrupt:
            imports.cancel_import(row.pk)
            raise CommandError("Cancelled; what was suppressed by then stays suppressed.", returncode=130) from None
        if row.state != SuppressionImport.State.DONE:
            raise CommandError(row.error or "The import was cancelled.")
        self._tell(row, as_json=options["json"])

    def _show(self, row: SuppressionImport) -> None:
        if sys.stderr.isatty() and row.size_bytes:
            self.stderr.write(f"\r{row.done_bytes * 100 // row.size_bytes} % {row.lines:,} lines", ending="")

    def _tell(self, row: SuppressionImport, *, as_json: bool) -> None:
        has_rejects = bool(row.rejected_count)
        numbers = {
            "import": row.pk, "lines": row.lines, "added": row.added_count, "known": row.known_count,
            "rejected": row.rejected_count, "rejects_file": row.rejects_path if has_rejects else "",
        }  # fmt: skip
        if as_json:
            self.stdout.write(json.dumps(numbers))
            return
        self.stdout.write(
            f"{row.lines:,} lines: {row.added_count:,} newly suppressed, {row.known_count:,} known before, "
            f"{row.rejected_count:,} rejected."
        )
        if has_rejects:
            self.stdout.write(f"What was rejected, and why: {row.rejects_path}")
