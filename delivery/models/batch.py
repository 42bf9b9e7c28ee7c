"""Batches: the outbox, the claims and the counts of a campaign."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from campaigns.models import Campaign


class Counts(models.Model):
    """Net changes of the ledger by status. In retry batches they are deltas: deferred -1, sent +1.

    soft_bounced: those of `bounced` that were soft, which no guardrail stops a campaign for.
    """

    sent = models.IntegerField(default=0, db_default=0)
    deferred = models.IntegerField(default=0, db_default=0)
    bounced = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0)
    dead = models.IntegerField(default=0, db_default=0)
    skipped = models.IntegerField(default=0, db_default=0)
    unknown = models.IntegerField(default=0, db_default=0)
    soft_bounced = models.IntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


class Batch(Counts):
    """Up to 1,000 leads of one campaign, sent by one worker at a time.

    cursor: positions below it are claimed. recorded: positions whose outcome stands in the ledger.
    """

    class Kind(models.TextChoices):
        FIRST = "first"
        RETRY = "retry"
        RESEND = "resend"

    class State(models.TextChoices):
        READY = "ready"
        LEASED = "leased"
        DONE = "done"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="batches")
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.FIRST)
    attempt = models.PositiveIntegerField(default=1)
    variant = models.SmallIntegerField(default=0, help_text="-1: not chosen yet (the rest of an A/B test).")
    mailbox_group = models.CharField(max_length=16, default="other")
    time_zone = models.CharField(max_length=64, default="", db_default="", help_text="Empty: not by local time.")
    seq = models.PositiveIntegerField()
    lead_ids = ArrayField(models.BigIntegerField())
    size = models.PositiveIntegerField()
    cursor = models.PositiveIntegerField(default=0, db_default=0)
    recorded = models.PositiveIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=6, choices=State.choices, default=State.READY, db_default=State.READY)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(db_default=Now())
    priority = models.PositiveSmallIntegerField(default=5, db_default=5)
    published_at = models.DateTimeField(null=True)
    publish_count = models.PositiveIntegerField(default=0, db_default=0)
    is_rolled = models.BooleanField(default=False, db_default=False, help_text="Counted in the breakdowns of reports.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "attempt", "seq"], name="batch_once"),
            models.CheckConstraint(
                condition=models.Q(cursor__lte=models.F("size")) & models.Q(recorded__lte=models.F("cursor")),
                name="batch_recorded_cursor_size",
            ),
        ]
        indexes = [
            # what the sweeper looks through: batches with work left, few among millions that are done
            models.Index(fields=["campaign", "id"], name="batch_open", condition=~models.Q(state="done")),
            # what the roll-ups look through: first batches that are not counted yet
            models.Index(
                fields=["campaign", "id"], name="batch_unrolled", condition=models.Q(kind="first", is_rolled=False)
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.campaign_id}/{self.attempt}/{self.seq}"


class Adjustment(Counts):
    """Changes of ledger rows outside any batch: bounces after acceptance, cancel, requeue, discard."""

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="adjustment")

    def __str__(self) -> str:
        return f"adjustment {self.campaign_id}"
