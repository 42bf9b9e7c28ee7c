"""Erase one person, a lead or not."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.addresses import AddressInvalid
from campaigns.leads.erase import erase_person


class Command(BaseCommand):
    help = (
        "Erase one person for good: the lead, and what names them in messages, events and the ledger. Who must not be "
        "mailed stays suppressed, by a hash alone. It cannot be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="the person's e-mail address")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_: Any, **options: Any) -> None:
        address = options["address"]
        if not options["yes"] and input(f"Erase {address} for good? Write yes: ").strip().lower() != "yes":
            raise CommandError("Nothing was erased.")
        try:
            was_lead = erase_person(address)
        except AddressInvalid as error:
            raise CommandError(f"{address!r} is not an address: {error}") from error
        words = "The lead is erased" if was_lead else "There was no such lead"
        self.stdout.write(f"{words}; what else was kept about this address is scrubbed.")
