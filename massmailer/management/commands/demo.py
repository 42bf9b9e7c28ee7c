"""`manage.py demo [--once]`: the whole product in one run. bin/demo calls it in a prepared environment."""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from massmailer.demo.errors import DemoFailed
from massmailer.demo.leaving import Stopped
from massmailer.demo.run import Wishes, run
from massmailer.demo.show import Show, new_console
from massmailer.embedded.errors import EngineError
from massmailer.processes.options import StackError

FEWEST_LEADS, MOST_LEADS = 50, 15_000
# what a shell reports for a program that a signal ended
SIGNAL_STATUS = 128


class Command(BaseCommand):
    help = "Import sample leads, send them a campaign into a mailbox on this machine, read some of it, and report."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="stop after the report; status 0 if all is accounted for"
        )
        parser.add_argument("--leads", type=int, default=2000, help="how many people to invent (default %(default)s)")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="of the web (default %(default)s)")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError(
                "DATABASE_URL and REDIS_URL are set. The demo fills the database with invented people and sends to "
                "a sandbox: run it without them."
            )
        if not FEWEST_LEADS <= options["leads"] <= MOST_LEADS:
            raise CommandError(f"--leads must be between {FEWEST_LEADS} and {MOST_LEADS:,}: the mailbox keeps 20,000.")
        # what the services log is for operators; the demo tells the same in steps
        logging.getLogger().setLevel(logging.WARNING)
        try:
            run(Wishes(options["leads"], options["port"], options["once"]), Show(new_console()))
        except (DemoFailed, StackError, EngineError) as error:
            raise CommandError(f"The demo failed: {error}") from error
        except Stopped as stopped:
            sys.exit(SIGNAL_STATUS + stopped.number)
