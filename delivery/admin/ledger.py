"""Pages of the ledger by key. Ten million rows: no OFFSET, no COUNT, and no page reads more than a bounded stretch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from delivery.models import Email

PAGE = 50
# a filter without an index looks through this many rows a page (about 0.2 s), then offers to look further
STRETCH = 200_000
EXPORT_CHUNK = 2_000
# these few have a partial index of their own
ATTENTION = (Email.Status.DEFERRED, Email.Status.DEAD, Email.Status.UNKNOWN)
# the reply and the lead's number are enough to find an e-mail; nothing else is needed on a page
SHOWN = (
    "campaign_id", "lead_id", "status", "attempt", "tries", "provider_id", "at", "due_at", "code", "enhanced", "reply",
    "opened_at", "clicked_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for. after: the lead id that the last page ended with. reply: words in the reply."""

    campaign_id: int
    status: str = ""
    reply: str = ""
    after: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """next_after: where the next page begins, None at the end. is_partial: the stretch ended before the page filled."""

    rows: list[Email]
    next_after: int | None
    is_partial: bool = False


def page_by_campaign(wanted: Wanted) -> Page:
    """The next rows of a campaign by lead id."""
    rows = _of_campaign(wanted)
    if not wanted.status and not wanted.reply:
        found = list(rows[: PAGE + 1])
        return Page(found[:PAGE], found[PAGE - 1].lead_id if len(found) > PAGE else None)
    if wanted.status in ATTENTION and not wanted.reply:
        found = list(rows.filter(status=wanted.status)[: PAGE + 1])
        return Page(found[:PAGE], found[PAGE - 1].lead_id if len(found) > PAGE else None)
    return _within_a_stretch(rows, wanted)


def page_by_lead(lead_id: int, before_campaign: int | None = None) -> Page:
    """A lead's e-mails, newest campaign first, by the index on the lead."""
    rows = Email.objects.filter(lead_id=lead_id).order_by("-campaign_id").only(*SHOWN)
    if before_campaign is not None:
        rows = rows.filter(campaign_id__lt=before_campaign)
    found = list(rows[: PAGE + 1])
    return Page(found[:PAGE], found[PAGE - 1].campaign_id if len(found) > PAGE else None)


def _of_campaign(wanted: Wanted) -> QuerySet[Email]:
    return (
        Email.objects.filter(campaign_id=wanted.campaign_id, lead_id__gt=wanted.after).order_by("lead_id").only(*SHOWN)
    )


def _filtered(rows: QuerySet[Email], wanted: Wanted) -> QuerySet[Email]:
    if wanted.status:
        rows = rows.filter(status=wanted.status)
    return rows.filter(reply__icontains=wanted.reply) if wanted.reply else rows


def _within_a_stretch(rows: QuerySet[Email], wanted: Wanted) -> Page:
    """Look through at most STRETCH rows: the end of the stretch is one look-up in the key."""
    end = _end_of(rows)
    within = rows.filter(lead_id__lte=end) if end is not None else rows
    found = list(_filtered(within, wanted)[: PAGE + 1])
    if len(found) > PAGE:
        return Page(found[:PAGE], found[PAGE - 1].lead_id)
    return Page(found, end, is_partial=end is not None)


def _end_of(rows: QuerySet[Email]) -> int | None:
    """The lead id where the stretch ends, None when the campaign ends before it (index only, 30 ms)."""
    ids = list(rows.values_list("lead_id", flat=True)[STRETCH - 1 : STRETCH])
    return ids[0] if ids else None


def all_of(wanted: Wanted) -> Iterator[Email]:
    """Every row that is wanted, in chunks by key: memory and locks stay small however long it takes."""
    after = wanted.after
    while True:
        chunk = list(_of_campaign(Wanted(wanted.campaign_id, after=after))[:EXPORT_CHUNK])
        for row in chunk:
            if _matches(row, wanted):
                yield row
        if len(chunk) < EXPORT_CHUNK:
            return
        after = chunk[-1].lead_id


def _matches(row: Email, wanted: Wanted) -> bool:
    if wanted.status and row.status != wanted.status:
        return False
    return not wanted.reply or wanted.reply.lower() in (row.reply or "").lower()
