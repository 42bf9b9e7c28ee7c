"""The numbers of campaigns: summed from batches in one SELECT, never counted over the ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models import Campaign
from delivery import sql

State = Campaign.State
# bounces and complaints of a finished campaign still arrive for days
BOUNCES_COME_LATE = dt.timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Where every lead of a campaign stands: pending and all that follow add up to audience, at every instant."""

    state: str
    audience: int
    pending: int
    deferred: int
    sent: int
    bounced: int
    failed: int
    dead: int
    skipped: int
    unknown: int
    # of the bounced; no part of the sum
    soft_bounced: int = field(default=0, compare=False)

    @property
    def adds_up(self) -> bool:
        """The identity that the product promises."""
        return self.audience == self.pending + self.settled

    @property
    def settled(self) -> int:
        """Leads that stand in the ledger."""
        return self.deferred + self.sent + self.bounced + self.failed + self.dead + self.skipped + self.unknown

    def as_dict(self) -> dict[str, str | int]:
        """What `campaign_status` prints."""
        return {key: value for key, value in asdict(self).items() if key != "soft_bounced"}

    def copied(self) -> dict[str, str | int]:
        """Those that a campaign's row has copies of."""
        return {key: value for key, value in asdict(self).items() if key != "state"}


def numbers_of(campaign_ids: Sequence[int]) -> dict[int, Numbers]:
    """The numbers of several campaigns by id, from one statement and therefore from one instant."""
    with connection.cursor() as cursor:
        cursor.execute(sql.NUMBERS, {"campaigns": list(campaign_ids)})
        return {row[0]: Numbers(row[1], *map(int, row[2:])) for row in cursor.fetchall()}


def campaign_numbers(campaign_id: int) -> Numbers:
    """The numbers of one campaign. Raises Campaign.DoesNotExist."""
    found = numbers_of([campaign_id]).get(campaign_id)
    if found is None:
        raise Campaign.DoesNotExist(f"There is no campaign {campaign_id}.")
    return found


def recount(campaign_id: int) -> Numbers:
    """The same numbers counted row by row from the ledger: the proof, far too slow for a page."""
    summed = campaign_numbers(campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(sql.RECOUNT, {"campaign": campaign_id})
        deferred, sent, bounced, failed, dead, skipped, unknown = cursor.fetchone()
    settled = deferred + sent + bounced + failed + dead + skipped + unknown
    pending = summed.audience - settled
    return Numbers(summed.state, summed.audience, pending, deferred, sent, bounced, failed, dead, skipped, unknown)


def refresh_counters(*, campaign_ids: Iterable[int] | None = None) -> int:
    """Copy the numbers to the campaign rows and close first passes; how many campaigns changed.

    Without ids: those that are at work, and those that ended within the last hours, whose retries go on. A campaign
    whose row is locked is left for the next second: its launch may take many.
    """
    ids = list(campaign_ids) if campaign_ids is not None else _at_work()
    moved = list(Campaign.objects.filter(pk__in=ids, counted_at=None).order_by("pk").values_list("pk", flat=True))
    changed = sum(map(_copy_moved, moved))
    for campaign_id, numbers in numbers_of(sorted(set(ids) - set(moved))).items():
        changed += _copy(campaign_id, numbers)
        _close(campaign_id, numbers)
    return changed


def _copy(campaign_id: int, numbers: Numbers) -> bool:
    values = numbers.copied()
    steady = Campaign.objects.filter(~Q(**values), pk=campaign_id, counted_at__isnull=False)
    with transaction.atomic():
        return steady.hold(campaign_id) and bool(steady.update(**values, counted_at=Now()))


def _copy_moved(campaign_id: int) -> bool:
    """Copy the numbers of a campaign whose `counted_at` an event has emptied, or that were never copied."""
    with transaction.atomic():
        # before the sums are read: an event that comes after that empties it again, however long ago the campaign ended
        if not Campaign.objects.hold(campaign_id):
            return False
        Campaign.objects.filter(pk=campaign_id).update(counted_at=Now())
        numbers = numbers_of([campaign_id])[campaign_id]
        Campaign.objects.filter(pk=campaign_id).update(**numbers.copied())
    _close(campaign_id, numbers)
    return True


def _close(campaign_id: int, numbers: Numbers) -> None:
    """Note the end of a first pass."""
    if numbers.state == State.SENDING and numbers.pending == 0:
        Campaign.objects.move(pk=campaign_id, to=State.SENT, allowed_from=(State.SENDING,), finished_at=Now())
    elif numbers.state == State.CANCELLED and numbers.pending == 0:
        Campaign.objects.filter(pk=campaign_id, finished_at=None).update(finished_at=Now())


def _at_work() -> list[int]:
    """Campaigns whose numbers may move: the open ones, and those with deferred, dead or unknown rows left."""
    open_states = [State.LAUNCHING, State.SENDING, State.PAUSED]
    unsettled = Q(deferred__gt=0) | Q(dead__gt=0) | Q(unknown__gt=0) | Q(pending__gt=0)
    recent = Q(counted_at__isnull=True) | Q(finished_at__gte=Now() - BOUNCES_COME_LATE)
    ended = Q(state__in=[State.SENT, State.CANCELLED]) & (unsettled | recent)
    return list(Campaign.objects.filter(Q(state__in=open_states) | ended).values_list("pk", flat=True))
