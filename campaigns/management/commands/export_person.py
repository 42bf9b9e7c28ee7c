"""Everything that is kept about one person, as JSON."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.addresses import AddressInvalid
from campaigns.leads.portrait import as_json


class Command(BaseCommand):
    help = "Write everything that is kept about one person as JSON: to standard output, or to a file of your own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="the person's e-mail address")
        parser.add_argument("--output", metavar="FILE", help="write to this file, readable by you alone")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            text = as_json(options["address"])
        except AddressInvalid as error:
            raise CommandError(f"{options['address']!r} is not an address: {error}") from error
        if not options["output"]:
            self.stdout.write(text)
            return
        path = Path(options["output"])
        try:
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
