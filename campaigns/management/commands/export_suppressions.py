"""Write the suppression list as CSV."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from campaigns.management.output import write_out
from campaigns.models import Suppression
from campaigns.suppression.export import export_rows


class Command(BaseCommand):
    help = "Write the suppression list as CSV (UTF-8) to standard output or a file; import_suppressions takes it back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", choices=Suppression.Reason.values, default="", help="only this reason")
        parser.add_argument("--kind", choices=Suppression.Kind.values, default="", help="only this kind")
        parser.add_argument("--output", metavar="FILE", help="write to this file; standard output when left out")

    def handle(self, *_: Any, **options: Any) -> None:
        chunks = export_rows(reason=options["reason"], kind=options["kind"])
        write_out(chunks, options["output"])
