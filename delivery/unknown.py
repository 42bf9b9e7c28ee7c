"""What people decide about unknown e-mails: handed over, but the answer was lost.

Nothing here happens by itself. Each decision is written down with the leads it was about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from campaigns.models import Campaign
from delivery import decision_sql as sql
from delivery import numbers, provider_log
from delivery.collect import RetryGroup, make_batches
from delivery.models import Batch, UnknownDecision
from delivery.opening import batch_zone
from delivery.provider_log import LogReport, Proof

Action = UnknownDecision.Action
# a resend leaves by the same road as everything else; a paused campaign sends it when it is resumed
RESENDABLE_STATES = (Campaign.State.SENDING, Campaign.State.PAUSED, Campaign.State.SENT)
COUNTERS = ("sent", "deferred", "failed", "dead", "unknown")


class DecisionRefused(Exception):
    """This cannot be decided so. The message says why and what can be done; show it to the person."""


class UnknownCount(NamedTuple):
    """resendable: those that are old enough to be sent again."""

    total: int
    resendable: int


def count_unknown(*, campaign_id: int, lead_ids: Sequence[int] | None = None) -> UnknownCount:
    """How many unknown e-mails a campaign has, by the ledger itself. lead_ids: among these; None for all."""
    values = {"campaign": campaign_id, "leads": _array(lead_ids), "hours": settings.UNKNOWN_RESEND_HOURS}
    with connection.cursor() as cursor:
        cursor.execute(sql.COUNT_UNKNOWN, values)
        return UnknownCount(*cursor.fetchone())


def leave(*, campaign_id: int, lead_ids: Sequence[int] | None, by: Any, note: str = "") -> int:
    """Write down that these unknown e-mails stay as they are; how many they are.

    lead_ids: None for all of the campaign; those that are not unknown are passed over.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.FIND_UNKNOWN, {"campaign": campaign_id, "leads": _array(lead_ids)})
        found = [row[0] for row in cursor.fetchall()]
        _log(campaign_id, Action.LEAVE, found, by, note)
    return len(found)


def mark_sent(*, campaign_id: int, rows: Iterable[Proof], by: Any, note: str = "") -> int:
    """Turn unknown e-mails that were accepted after all into sent ones; how many were still unknown.

    rows: which attempt of which lead was accepted. A row that is settled by now, or of which only older attempts were
    made, is left alone. The numbers change in the same transaction.
    """
    newest: dict[int, int] = {}
    for proof in rows:
        newest[proof.lead_id] = max(proof.attempt, newest.get(proof.lead_id, 0))
    leads, attempts = list(newest), list(newest.values())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK_PROVED, {"campaign": campaign_id, "leads": leads, "attempts": attempts})
        found = [row[0] for row in cursor.fetchall()]
        if found:
            cursor.execute(sql.MARK_SENT, {"campaign": campaign_id, "leads": found})
            adjust(campaign_id, sent=len(found), unknown=-len(found))
            _log(campaign_id, Action.MARK_SENT, found, by, note)
    if found:
        numbers.refresh_counters(campaign_ids=[campaign_id])
    return len(found)


def mark_from_log(
    *, campaign_id: int, file: str | Path, by: Any, note: str = "", dry_run: bool = False, rejects: Path | None = None
) -> LogReport:
    """Mark as sent what the provider's log says was accepted; what was found in the log, line by line.

    file: CSV of any dialect with a column of addresses or of our Message-IDs, and perhaps one with the status. Lines
    that cannot be read go with number and reason to `rejects`. dry_run: only say what would change.
    Raises campaigns.leads.errors.FileRefused with the cure, Campaign.DoesNotExist.
    """
    report, proofs = provider_log.read(Campaign.objects.get(pk=campaign_id), Path(file), rejects)
    if dry_run or not proofs:
        return report
    words = f"By the provider's log: {report.lines:,} lines read, {report.bad_count:,} of them not understood."
    report.changed = mark_sent(campaign_id=campaign_id, rows=proofs, by=by, note=f"{note}\n{words}".strip())
    return report


def resend(*, campaign_id: int, lead_ids: Sequence[int] | None, by: Any, note: str = "", confirm: bool = False) -> int:
    """Send unknown e-mails once more, knowing that a second copy may arrive; how many will be.

    lead_ids: None for all of the campaign; those that are younger than settings.UNKNOWN_RESEND_HOURS, settled, or in a
    resend that is under way are passed over. confirm: must be True, so that nobody resends by a slip.
    Raises DecisionRefused, Campaign.DoesNotExist.
    """
    if not confirm:
        raise DecisionRefused("People may get a second copy. Confirm that you know this.")
    campaign = Campaign.objects.only("state", "by_local_time").get(pk=campaign_id)
    _demand_resendable(campaign)
    groups: dict[RetryGroup, list[int]] = defaultdict(list)
    values = {"campaign": campaign_id, "leads": _array(lead_ids), "hours": settings.UNKNOWN_RESEND_HOURS}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK_RESENDABLE, values)
        for lead_id, attempt, variant, mailbox_group, lead_zone in cursor.fetchall():
            zone = batch_zone(lead_zone, by_local_time=campaign.by_local_time)
            groups[RetryGroup(campaign_id, attempt, variant, mailbox_group, zone)].append(lead_id)
        chosen = sorted(lead_id for lead_ids in groups.values() for lead_id in lead_ids)
        if chosen:
            cursor.execute(sql.FENCE_RESEND, {"campaign": campaign_id, "leads": chosen})
        for group, members in groups.items():
            # the batch gets the attempt after the group's, which the rows have just taken
            make_batches(group, Batch.Kind.RESEND, members)
        _log(campaign_id, Action.RESEND, chosen, by, note)
    return len(chosen)


def _demand_resendable(campaign: Campaign) -> None:
    if campaign.state == Campaign.State.CANCELLED:
        raise DecisionRefused("This campaign is cancelled: nothing of it is sent any more, nor sent again.")
    if campaign.state not in RESENDABLE_STATES:
        raise DecisionRefused(f"A campaign that is {campaign.get_state_display().lower()} has nothing to send again.")


def adjust(campaign_id: int, **changes: int) -> None:
    """Add to a campaign's numbers what changed outside its batches, inside the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(sql.ADJUST, {"campaign": campaign_id, **dict.fromkeys(COUNTERS, 0), **changes})


def _log(campaign_id: int, action: str, lead_ids: Sequence[int], by: Any, note: str) -> None:
    if not lead_ids:
        return
    UnknownDecision.objects.create(
        campaign_id=campaign_id,
        action=action,
        lead_count=len(lead_ids),
        lead_ids=list(lead_ids),
        by=by,
        by_name=by.get_username() if by is not None else "",
        note=note.replace("\0", ""),
    )


def _array(lead_ids: Sequence[int] | None) -> list[int] | None:
    return None if lead_ids is None else sorted(set(lead_ids))
