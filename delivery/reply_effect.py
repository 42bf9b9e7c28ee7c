"""What a rule would have changed among the refusals that stand in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import Campaign, Lead
from delivery.engine.classify import Classifier
from delivery.engine.outcome import Kind
from delivery.engine.rule import Rule
from delivery.models import Email

CAMPAIGNS = 5
# by key and without an index on the code: 20,000 rows take about 20 ms
ROWS_A_CAMPAIGN = 20_000
REFUSALS_A_CAMPAIGN = 400


@dataclass(frozen=True, slots=True)
class Effect:
    """looked_at: refusals of the newest campaigns. decided: those that the rule would decide.

    newly_hard: those of them that are no hard bounces by the other rules. example: one such reply, "" without one.
    """

    looked_at: int
    decided: int
    newly_hard: int
    example: str

    @property
    def is_alarming(self) -> bool:
        """The rule would suppress many addresses that the other rules leave alone."""
        return self.newly_hard >= 10 or self.newly_hard * 20 > self.looked_at > 0


def effect_of(rule: Rule, others: Classifier) -> Effect:
    """Try a rule, in front of the others, on the latest refusals: at most 2,000, read in a fraction of a second."""
    tried = Classifier(own=[rule])
    looked_at = decided = newly_hard = 0
    example = ""
    for row, group in _refusals():
        looked_at += 1
        code, reply = row.code or 0, row.reply or ""
        verdict = tried.for_provider(row.provider_id).classify(code, row.enhanced, reply, group=group)
        if verdict.rule != rule.name:
            continue
        decided += 1
        before = others.for_provider(row.provider_id).classify(code, row.enhanced, reply, group=group)
        if verdict.kind is Kind.HARD and before.kind is not Kind.HARD:
            newly_hard += 1
            example = example or f"{code} {reply}"[:120]
    return Effect(looked_at, decided, newly_hard, example)


def _refusals() -> list[tuple[Email, str]]:
    newest = Campaign.objects.filter(launched_at__isnull=False).order_by("-launched_at").values_list("pk", flat=True)
    rows = [row for campaign_id in newest[:CAMPAIGNS] for row in _refusals_of(campaign_id)]
    groups = dict(Lead.objects.filter(pk__in={row.lead_id for row in rows}).values_list("pk", "mailbox_group"))
    return [(row, groups.get(row.lead_id, "")) for row in rows]


def _refusals_of(campaign_id: int) -> list[Email]:
    rows = Email.objects.filter(campaign_id=campaign_id).order_by("-lead_id")
    end = list(rows.values_list("lead_id", flat=True)[ROWS_A_CAMPAIGN - 1 : ROWS_A_CAMPAIGN])
    within = rows.filter(lead_id__gte=end[0]) if end else rows
    shown = within.filter(code__range=(400, 599)).only(
        "campaign_id", "lead_id", "code", "enhanced", "reply", "provider_id"
    )
    return list(shown[:REFUSALS_A_CAMPAIGN])
