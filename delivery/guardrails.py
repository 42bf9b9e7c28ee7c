"""Campaigns pause themselves when too much goes wrong, tell why, and count anew when a person resumes them.

Read from the copies of the numbers that are refreshed each second, so a check costs three small queries, however many
workers send: a campaign is stopped within two seconds of passing a limit. A campaign whose row is locked is left for
the next check, for all others wait behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.services.states import StateConflict, pause_campaign
from delivery import alerts
from delivery.engine.guardrail import Limits, Tally, Trip, Watch, judge
from delivery.models import CampaignGuardrail, GuardrailPolicy
from delivery.models.guardrail import KINDS

RESUME = (
    "Look at the e-mails and their replies first: what is wrong with the list, the content or the provider will be "
    "wrong after the pause too. Whoever resumes the campaign accepts what happened so far; counting begins anew then."
)
NUMBERS = ("audience", "pending", "skipped", "bounced", "soft_bounced", "complained", "deferred", "unknown")


def policy() -> GuardrailPolicy:
    """The limits as they are; their defaults where nobody has saved any."""
    return GuardrailPolicy.objects.filter(pk=1).first() or GuardrailPolicy()


def limits_of(own: CampaignGuardrail | None, everywhere: GuardrailPolicy) -> Limits | None:
    """What holds for a campaign; None where its guardrails are off."""
    if not everywhere.is_on or (own is not None and not own.is_on):
        return None
    chosen = {kind: getattr(own, kind) if own else None for kind in KINDS}
    percent = {kind: getattr(everywhere, kind) if value is None else value for kind, value in chosen.items()}
    return Limits(percent, everywhere.first, everywhere.window, everywhere.least)


def copy_limits(campaign_id: int, copy_id: int) -> None:
    """Give a copy its campaign's own limits, nothing of what was counted. Switched off they were for that one alone."""
    for own in CampaignGuardrail.objects.filter(campaign_id=campaign_id).values(*KINDS):
        CampaignGuardrail.objects.create(campaign_id=copy_id, **own)


def check() -> list[int]:
    """Look at all campaigns that send; ids of those that were paused. Twice at once is harmless: one pause wins."""
    sending = Campaign.objects.filter(state=Campaign.State.SENDING).only("name", *NUMBERS)
    rows: Mapping[int, CampaignGuardrail] = CampaignGuardrail.objects.in_bulk([campaign.pk for campaign in sending])
    everywhere = policy()
    return [campaign.pk for campaign in sending if _check(campaign, rows.get(campaign.pk), everywhere)]


def tally_of(campaign: Campaign) -> Tally:
    """From the copies of the numbers on the campaign's row."""
    tried = campaign.audience - campaign.pending - campaign.skipped
    hard = campaign.bounced - campaign.soft_bounced
    return Tally(tried, hard, campaign.complained, campaign.deferred, campaign.unknown)


def _check(campaign: Campaign, row: CampaignGuardrail | None, everywhere: GuardrailPolicy) -> bool:
    now, limits = tally_of(campaign), limits_of(row, everywhere)
    if row is not None and row.is_tripped:
        # it sends again, so a person has resumed it
        _remember(campaign.pk, Watch(now), is_tripped=False)
        return False
    watch = _watch(row)
    if limits is None:
        return False
    if trip := judge(limits, watch, now):
        return _pause(campaign, trip, (row.tripped if row else 0) + 1)
    seen = watch.seen(now, limits.window)
    if seen is not watch:
        _remember(campaign.pk, seen)
    return False


def _watch(row: CampaignGuardrail | None) -> Watch:
    if row is None:
        return Watch(Tally())
    return Watch(_tally(row.base), tuple(map(_tally, row.samples)))


def _tally(stored: Sequence[int]) -> Tally:
    return Tally(*stored)


def _remember(campaign_id: int, watch: Watch, **changes: object) -> None:
    values = {"base": list(watch.base), "samples": [list(sample) for sample in watch.samples], **changes}
    with transaction.atomic():
        if Campaign.objects.hold(campaign_id):
            CampaignGuardrail.objects.update_or_create(campaign_id=campaign_id, defaults=values)


def _pause(campaign: Campaign, trip: Trip, times: int) -> bool:
    """Pause by compare-and-set, and tell; False where somebody else was faster."""
    reason = f"Paused by a guardrail: {trip.words} {RESUME}"
    with transaction.atomic():
        if not Campaign.objects.hold(campaign.pk):
            # whoever has it lets go soon, and the next check comes within a second
            return False
        try:
            pause_campaign(campaign_id=campaign.pk, by="a guardrail", reason=reason)
        except StateConflict:
            return False
        CampaignGuardrail.objects.update_or_create(
            campaign_id=campaign.pk, defaults={"is_tripped": True, "tripped": times}
        )
        alerts.raise_alert(
            # each pause is told, also the second one within the repeat time
            key=f"guardrail:{campaign.pk}:{times}",
            subject=f"The campaign “{campaign.name}” paused itself",
            text=f"{trip.words}\n\n{campaign.pending:,} of {campaign.audience:,} leads are pending.\n\n{RESUME}",
            link=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        )
    return True
