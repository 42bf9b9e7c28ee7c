"""One message that came back, from standard input: for the pipe of a mail server."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking import returned, stream
from tracking.inbound.message import MAX_BYTES
from tracking.inbound.receive import receive

log = logging.getLogger(__name__)

# sysexits: the mail server keeps the message and comes again
EX_TEMPFAIL = 75


class Command(BaseCommand):
    help = "Take one message that came back from standard input. Ends with 75 where it must be tried again later."
    # the system checks of a whole project for every bounce would cost more than the bounce
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "recipients", nargs="*", metavar="RECIPIENT",
            help="of the envelope; without it the message's own headers tell (Delivered-To, X-Original-To, To)",
        )  # fmt: skip

    def handle(self, *, recipients: list[str], **_: Any) -> None:
        raw = sys.stdin.buffer.read(MAX_BYTES)
        # whoever writes gets an error where the pipe is closed before all is read
        while sys.stdin.buffer.read(MAX_BYTES):
            pass
        try:
            word = receive(raw, recipients, via="pipe")
        except (stream.StreamAway, *returned.DatabaseAway) as error:
            log.error("the message could not be kept anywhere: %s", error)
            sys.exit(EX_TEMPFAIL)
        except Exception:  # a fault of ours must not lose a message: its server keeps it and comes again
            log.exception("the message could not be understood")
            sys.exit(EX_TEMPFAIL)
        self.stdout.write(word)
