"""Count campaigns for reports from their ledger again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Campaign
from tracking.roll import add_up_quarters, count_anew, roll_up


class Command(BaseCommand):
    help = "Count campaigns for reports from their ledger again; those whose e-mails are gone keep what they have."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaigns", nargs="*", type=int, metavar="CAMPAIGN")
        parser.add_argument("--all", action="store_true", help="every campaign that was launched")

    def handle(self, *_args: Any, **options: Any) -> None:
        if bool(options["campaigns"]) == options["all"]:
            raise CommandError("Name campaigns by their numbers, or all of them by --all.")
        launched = Campaign.objects.filter(launched_at__isnull=False).order_by("id")
        wanted = list(launched.values_list("pk", flat=True)) if options["all"] else options["campaigns"]
        found = count_anew(wanted)
        add_up_quarters(wanted)
        batches = 0
        while (rolled := roll_up(seconds=5)).batches:
            batches += rolled.batches
        self.stdout.write(f"{len(found)} of {len(wanted)} campaigns are counted anew: {batches:,} batches.")
