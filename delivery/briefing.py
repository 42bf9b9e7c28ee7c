"""What a batch has to know of its campaign before it begins, kept for the moment: batches begin ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from campaigns.models import Campaign
from delivery import domains
from delivery.domains import DomainBook
from delivery.terms import Terms, terms_of

# so long a person waits who changes more than a claim sees; the questions cost a child 4 ms
KEPT_SECONDS = 5.0
MOST_KEPT = 64


@dataclass(frozen=True, slots=True)
class Briefing:
    """campaign: without its body. pool_id: its own or its domain's, None where the default one is meant."""

    campaign: Campaign
    terms: Terms
    pool_id: int | None
    read_at: float


class BriefingBook:
    """The briefings of one worker child. clock: seconds, rising."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[int, str], Briefing] = {}

    def read(self, campaign_id: int, zone: str, book: DomainBook) -> Briefing:
        """The briefing for a batch of this time zone, at most KEPT_SECONDS old. Raises Campaign.DoesNotExist.

        Terms that may hold a batch up are read for each: by old ones it would wait for hours after they were eased.
        """
        now, key = self._clock(), (campaign_id, zone)
        kept = self._kept.pop(key, None)
        if kept is None or now >= kept.read_at + KEPT_SECONDS:
            kept = self._read(campaign_id, zone, book, now)
        if not kept.terms.may_hold_up:
            self._keep(key, kept)
        return kept

    def _keep(self, key: tuple[int, str], found: Briefing) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = found

    @staticmethod
    def _read(campaign_id: int, zone: str, book: DomainBook, now: float) -> Briefing:
        campaign = Campaign.objects.defer("body", "text").get(pk=campaign_id)
        return Briefing(campaign, terms_of(campaign, zone), domains.pool_for(campaign, book), now)
