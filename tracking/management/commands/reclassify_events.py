"""`manage.py reclassify_events [--campaign N] [--since DATE]`: the rules of opens and clicks, on what is stored."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import Campaign
from tracking import reclassify


def day(text: str) -> dt.datetime:
    """Midnight in UTC of a day, or a moment. Raises ValueError, which the command line says kindly."""
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


class Command(BaseCommand):
    help = (
        "Judge stored opens and clicks by the rules as they are now, and put reports, ledger and counts right. Broken"
        " off, the same command goes on where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--campaign", type=int, metavar="N", help="only events of this campaign")
        parser.add_argument("--since", type=day, metavar="DATE", help="only events from this day on, as 2026-01-31")

    def handle(self, *_args: object, **options: Any) -> None:
        try:
            job = reclassify.start(campaign_id=options["campaign"], since=options["since"], by="command")
        except Campaign.DoesNotExist as error:
            raise CommandError(f"There is no campaign {options['campaign']}.") from error
        is_finished = reclassify.run(job.pk)
        job.refresh_from_db()
        self.stdout.write(f"{job.looked_at:,} opens and clicks looked at, {job.changed:,} changed.")
        if not is_finished:
            self.stdout.write("Not finished: give the same command again.")
