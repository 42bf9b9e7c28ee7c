"""Where every lead of a campaign stands."""

from __future__ import annotations

import json as json_module

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Campaign
from delivery.numbers import Numbers, campaign_numbers, recount


class Command(BaseCommand):
    help = "Show the numbers of a campaign: audience, and the states that add up to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", type=int, help="id of the campaign")
        parser.add_argument("--json", action="store_true", help="one JSON object")
        parser.add_argument("--recount", action="store_true", help="count the ledger row by row (slow)")

    def handle(self, *, campaign: int, json: bool, recount: bool, **_: object) -> None:
        try:
            numbers = _numbers(campaign, by_row=recount)
        except Campaign.DoesNotExist as error:
            raise CommandError(str(error)) from error
        if json:
            self.stdout.write(json_module.dumps(numbers.as_dict()))
            return
        for name, value in numbers.as_dict().items():
            self.stdout.write(f"{name:>9}  {value if isinstance(value, str) else format(value, ',')}")
        reason = Campaign.objects.values_list("state_reason", flat=True).get(pk=campaign)
        if reason:
            self.stdout.write(f"   reason  {reason}")


def _numbers(campaign_id: int, *, by_row: bool) -> Numbers:
    return recount(campaign_id) if by_row else campaign_numbers(campaign_id)
