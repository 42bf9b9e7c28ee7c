"""Remove what is older than the retention settings allow, or say what that would be."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from tracking import retention


class Command(BaseCommand):
    help = "Remove the partitions that are older than the retention settings allow. Beat does the same every six hours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        if dry_run:
            pieces = retention.preview()
            for piece in pieces:
                self.stdout.write(f"would remove {piece.words} ({filesizeformat(piece.size_bytes)})")
            if not pieces:
                self.stdout.write("Nothing is old enough to go.")
            return
        applied = retention.apply()
        for words in applied.removed:
            self.stdout.write(f"removed {words}")
        for what, count in applied.pruned.items():
            self.stdout.write(f"removed {count:,} {what}")
        for words in applied.trouble:
            self.stderr.write(words)
        if not (applied.removed or applied.pruned or applied.trouble):
            self.stdout.write("Nothing is old enough to go.")
