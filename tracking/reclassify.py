"""The rules of opens and clicks, applied again to what is stored: in bounded rounds, each whole in itself.

A round judges a page of events, and puts right whatever was counted from those that changed, in one transaction with
the place it has come to. Killed anywhere, it goes on where the last round was committed; run twice at once, the second
waits for the first and goes on behind it.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from campaigns import failpoints
from campaigns.models import Campaign
from delivery.stop import is_stopping
from tracking import engagement, firsts, ledger, rollups, rules, sql, who
from tracking.models import Reclassification
from tracking.occurrence import Occurrence

log = logging.getLogger(__name__)

ROUND_EVENTS = 5_000
FIRST_ID = UUID(int=0)
BEGINNING = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# an ESP's clock may be behind ours
CLOCKS = dt.timedelta(days=1)
# a run that nobody has moved for so long has lost its worker
STRANDED_SECONDS = 60


def start(*, campaign_id: int | None, since: dt.datetime | None, by: str = "") -> Reclassification:
    """Write down what is to be done; one of the same kind that is not finished goes on instead.

    since: None for everything that is kept. Raises Campaign.DoesNotExist.
    """
    if campaign_id is not None:
        campaign = Campaign.objects.only("launched_at").get(pk=campaign_id)
        since = since or (campaign.launched_at and campaign.launched_at - CLOCKS)
    wanted = {"campaign_id": campaign_id, "since": since or BEGINNING, "finished_at": None}
    found = Reclassification.objects.filter(**wanted).first()
    return found or Reclassification.objects.create(**wanted, by=by)


def run(run_id: int) -> bool:
    """Carry a run on until it is finished (True), or until this worker is asked to stop."""
    table = rules.load()
    while not is_stopping():
        with transaction.atomic():
            more = _round(run_id, table)
        failpoints.hit("reclassify_after_commit")
        if not more:
            return True
    return False


def stranded() -> list[int]:
    """Runs that are not finished and stand still."""
    since = Now() - dt.timedelta(seconds=STRANDED_SECONDS)
    return list(Reclassification.objects.filter(finished_at=None, touched_at__lt=since).values_list("pk", flat=True))


class Verdict(NamedTuple):
    """An event as it stands, and what the rules say of it now."""

    event: Occurrence
    now: who.Verdict


def _round(run_id: int, table: who.Rules) -> bool:
    """One page of events; False when it was the last."""
    job = Reclassification.objects.select_for_update().get(pk=run_id)
    if job.finished_at:
        return False
    with connection.cursor() as cursor:
        cursor.execute(sql.OWN_EVENTS)
        at, row_id = job.at_cursor or job.since, job.id_cursor or FIRST_ID
        cursor.execute(sql.EVENT_PAGE, {"at": at, "id": row_id, "limit": ROUND_EVENTS})
        page = [_occurrence(row) for row in cursor.fetchall()]
    wanted = [o for o in page if o.kind in firsts.FIELDS and job.campaign_id in (None, o.campaign_id)]
    changed = [verdict for verdict in _judged(wanted, table, job.campaign_id) if _differs(verdict)]
    _write(changed)
    failpoints.hit("reclassify_before_commit")
    last = page[-1] if page else None
    Reclassification.objects.filter(pk=run_id).update(
        at_cursor=last.at if last else at,
        id_cursor=last.id if last else row_id,
        looked_at=F("looked_at") + len(wanted),
        changed=F("changed") + len(changed),
        touched_at=Now(),
        finished_at=None if len(page) == ROUND_EVENTS else Now(),
    )
    return len(page) == ROUND_EVENTS


def _differs(verdict: Verdict) -> bool:
    return (verdict.event.who, verdict.event.who_reason) != verdict.now


def _judged(events: Sequence[Occurrence], table: who.Rules, campaign_id: int | None) -> list[Verdict]:
    """What the rules say of each event: by its request, then, for clicks that may be a person's, by its time."""
    first = [table.classify(rules.visit_of(o)) for o in events]
    beside = _beside(events, table.reach(), campaign_id)
    around = [*events, *beside]
    early = [*first, *(table.classify(rules.visit_of(o)) for o in beside)]
    late = [n for n, o in enumerate(around) if o.kind == "click" and o.link_number and early[n].who != "machine"]
    known = ledger.look_up([around[n] for n in late])
    clicks = [
        who.Click(
            ledger.key_of(around[n]), around[n].at, around[n].link_number or 0, n, rules.visit_of(around[n]),
            row.delivered_at if row else None,
        )
        for n, row in zip(late, known, strict=True)
    ]  # fmt: skip
    by_time = table.judge(clicks)
    return [Verdict(o, by_time.get(n, first[n])) for n, o in enumerate(events)]


def _beside(events: Sequence[Occurrence], reach: dt.timedelta, campaign_id: int | None) -> list[Occurrence]:
    """Clicks just before and just after the page."""
    if not events or not reach:
        return []
    on_page = {o.id for o in events}
    found: list[Occurrence] = []
    with connection.cursor() as cursor:
        for begin, end in ((events[0].at - reach, events[0].at), (events[-1].at, events[-1].at + reach)):
            cursor.execute(sql.NEAR_CLICKS, {"from": begin, "until": end, "campaign": campaign_id})
            found += [o for o in map(_occurrence, cursor.fetchall()) if o.id not in on_page]
    return list({o.id: o for o in found}.values())


def _write(changed: Sequence[Verdict]) -> None:
    """The events themselves, then the roll-ups, the ledger and the campaigns, in the order in which the drain locks."""
    if not changed:
        return
    columns: dict[str, Any] = {
        "times": [verdict.event.at for verdict in changed],
        "ids": [verdict.event.id for verdict in changed],
        "who": [verdict.now.who for verdict in changed],
        "reasons": [verdict.now.reason for verdict in changed],
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.REJUDGE_EVENTS, columns)
    moved = [(verdict.event, verdict.now.who) for verdict in changed if verdict.event.who != verdict.now.who]
    rollups.move(moved)
    leads: dict[int, list[int]] = defaultdict(list)
    for event, _ in moved:
        if event.campaign_id is not None and event.lead_id is not None:
            leads[event.campaign_id].append(event.lead_id)
    for campaign_id in sorted(leads):
        engagement.recompute(campaign_id, leads[campaign_id])
    firsts.correct(moved)


def _occurrence(row: Iterable[Any]) -> Occurrence:
    """In the order of the columns of sql.EVENT_PAGE."""
    at, row_id, kind, campaign_id, message_id, lead_id, link_number, by, reason, agent, data = row
    return Occurrence(
        kind, at, row_id, campaign_id, message_id, lead_id, None, link_number, by, reason, agent, "",
        json.loads(data) if isinstance(data, str) else data,
    )  # fmt: skip
