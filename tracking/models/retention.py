"""How long details are kept, and what went."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

MOST_MONTHS = [MaxValueValidator(240)]


class RetentionPolicy(models.Model):
    """The one row. Months and days of 0: for ever."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    event_months = models.PositiveSmallIntegerField(
        "opens, clicks and other events", default=0, validators=MOST_MONTHS, help_text="Months. 0: for ever."
    )
    email_months = models.PositiveSmallIntegerField(
        "e-mails of campaigns", default=0, validators=MOST_MONTHS,
        help_text="Months after a campaign has ended. 0: for ever.",
    )  # fmt: skip
    message_months = models.PositiveSmallIntegerField(
        "transactional messages", default=0, validators=MOST_MONTHS, help_text="Months. 0: for ever."
    )
    exports_first = models.BooleanField(
        "export before anything is removed", default=False, help_text="What cannot be exported is kept."
    )
    alert_days = models.PositiveIntegerField(
        "alerts", default=365, validators=[MinValueValidator(7)], help_text="Days."
    )
    aside_days = models.PositiveIntegerField(
        "events that were set aside", default=180, validators=[MinValueValidator(7)], help_text="Days."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retention"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="retention_policy_one_row")]

    def __str__(self) -> str:
        return "Retention"


class RetentionDrop(models.Model):
    """One partition that was removed, or is being removed (dropped_at is empty until it is gone).

    oid: of the table, so that a run that goes on never takes a younger one of the same name. low, high: for e-mails the
    ids of its campaigns, [low, high). exported_to: where its rows went, "" for nowhere.
    """

    kind = models.CharField(max_length=10)
    partition = models.CharField(max_length=63)
    oid = models.BigIntegerField()
    words = models.CharField(max_length=100)
    low = models.BigIntegerField(null=True)
    high = models.BigIntegerField(null=True)
    size_bytes = models.BigIntegerField()
    exported_to = models.TextField(blank=True, default="")
    begun_at = models.DateTimeField(db_default=Now())
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.words
