"""Guardrails: when a campaign pauses itself, and what is remembered for that."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from campaigns.models import Campaign

PERCENT: dict[str, Any] = {"validators": [MinValueValidator(0), MaxValueValidator(100)]}
KINDS = ("bounces", "complaints", "deferrals", "unknowns")


class GuardrailPolicy(models.Model):
    """The one row of limits that hold for every campaign without its own. A share of 0 is no limit.

    Receivers that greylist put off every first try, and a worker that dies leaves up to 200 unknown: neither alone
    stops a campaign.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    is_on = models.BooleanField("pause campaigns that pass a limit", default=True)
    bounces = models.FloatField("hard bounces, %", default=5, **PERCENT)
    complaints = models.FloatField("complaints, %", default=0.3, **PERCENT)
    deferrals = models.FloatField("refused for now, %", default=90, **PERCENT)
    unknowns = models.FloatField("unknown, %", default=50, **PERCENT)
    first = models.PositiveIntegerField(
        "of the first", default=500, validators=[MinValueValidator(10)], help_text="E-mails."
    )
    window = models.PositiveIntegerField(
        "later, of the last", default=1000, validators=[MinValueValidator(10)], help_text="E-mails."
    )
    least = models.PositiveIntegerField(
        "but never for fewer than", default=10, validators=[MinValueValidator(1)], help_text="Bad e-mails."
    )
    slow_minutes = models.PositiveIntegerField(
        "alert when 99.9 % take longer than", default=60,
        help_text="Minutes; campaigns with a pace or hours of their own do not count. 0: never.",
    )  # fmt: skip
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "guardrails"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="guardrail_policy_one_row")]

    def __str__(self) -> str:
        return "Guardrails"


class CampaignGuardrail(models.Model):
    """What holds for one campaign instead, and what is remembered of it while it is under way.

    base, samples: tallies as lists of five (engine/guardrail.py). tripped: how often it was paused. is_tripped: it
    is paused by a guardrail, and whoever resumes it begins a new count.
    """

    campaign = models.OneToOneField(
        Campaign, primary_key=True, on_delete=models.CASCADE, related_name="guardrail", db_column="campaign_id"
    )
    is_on = models.BooleanField(default=True, db_default=True)
    bounces = models.FloatField("hard bounces, %", null=True, blank=True, **PERCENT)
    complaints = models.FloatField("complaints, %", null=True, blank=True, **PERCENT)
    deferrals = models.FloatField("refused for now, %", null=True, blank=True, **PERCENT)
    unknowns = models.FloatField("unknown, %", null=True, blank=True, **PERCENT)
    base = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    samples = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    tripped = models.PositiveIntegerField(default=0, db_default=0)
    is_tripped = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return f"guardrail of campaign {self.campaign_id}"


class Departure(models.Model):
    """When so much of a campaign's audience had had its first try. told_at: operators were told that it takes long."""

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="departure")
    half_at = models.DateTimeField("50 %", null=True)
    most_at = models.DateTimeField("99 %", null=True)
    all_at = models.DateTimeField("99.9 %", null=True)
    told_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"departure of campaign {self.campaign_id}"
