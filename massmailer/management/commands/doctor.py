"""`manage.py doctor [--json]`: is everything there that mail needs on its way? Exit status 1 where something failed."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from massmailer.demo.show import new_console
from massmailer.doctor.examine import examine
from massmailer.doctor.report import as_json, is_healthy, print_table


class Command(BaseCommand):
    help = "Look at engines, workers, providers, addresses and files, and say the cure for what is wrong."
    # a doctor must come to patients that are ill
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        # retries of a broker that is away are told in the table, not line by line before it
        logging.getLogger("kombu").setLevel(logging.CRITICAL)
        findings = examine()
        if options["json"]:
            self.stdout.write(as_json(findings))
        else:
            print_table(findings, new_console())
        if not is_healthy(findings):
            sys.exit(1)
