"""Launch a campaign, and if asked wait until every lead is accounted for."""

from __future__ import annotations

import argparse
import json
import sys

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Campaign
from campaigns.services.errors import CampaignInvalid
from campaigns.services.states import StateConflict, schedule_campaign
from delivery import pools
from delivery.numbers import Numbers, campaign_numbers
from delivery.progress import watch


class Command(BaseCommand):
    help = "Launch a campaign now. Sending is the workers' job: bin/up must be running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", type=int, help="id of the campaign")
        parser.add_argument("--pool", metavar="NAME", help="leave by this pool instead of the usual one")
        parser.add_argument("--wait", action="store_true", help="wait until the first pass is over")
        parser.add_argument("--timeout", type=float, default=0, metavar="SECONDS", help="give up waiting after so long")
        parser.add_argument("--json", action="store_true", help="print the numbers as one JSON object at the end")
        parser.formatter_class = argparse.RawDescriptionHelpFormatter

    def handle(
        self, *, campaign: int, wait: bool, timeout: float, json: bool, pool: str | None = None, **_: object
    ) -> None:
        try:
            if pool:
                pools.set_campaign_pool(campaign_id=campaign, pool_id=pools.pool_named(pool).pk)
            schedule_campaign(campaign_id=campaign)
        except Campaign.DoesNotExist as error:
            raise CommandError(f"There is no campaign {campaign}.") from error
        except (StateConflict, CampaignInvalid, pools.PoolRefused) as error:
            raise CommandError(str(error)) from error
        if wait:
            numbers = watch(campaign, timeout_seconds=timeout or None, show=sys.stderr.isatty() and not json)
            self._check(campaign, numbers)
        if json:
            self.stdout.write(dumps(campaign_numbers(campaign)))
        elif not wait:
            self.stdout.write(f"Campaign {campaign} is launching. Follow it with: campaign_status {campaign}")

    def _check(self, campaign: int, numbers: Numbers | None) -> None:
        if numbers is None:
            raise CommandError(f"Campaign {campaign} was not finished in time; the workers go on with it.")
        if numbers.state == Campaign.State.DRAFT:
            reason = Campaign.objects.get(pk=campaign).state_reason
            raise CommandError(f"The launch failed and the campaign is a draft again: {reason}")


def dumps(numbers: Numbers) -> str:
    """One JSON object on one line."""
    return json.dumps(numbers.as_dict())
