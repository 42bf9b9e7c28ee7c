"""Fill what segments know of opens and clicks from the stored events."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tracking.engagement.rebuild import rebuild


class Command(BaseCommand):
    help = (
        "Add what all stored events tell to the tables that segments read. Needed once after an update from a version "
        "without them; harmless at any time."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = 0
        for done, whole in rebuild():
            self.stderr.write(f"{done:,} of {whole:,} lead ids", ending="\r")
        self.stdout.write(f"Engagement is up to date for {done:,} lead ids.")
