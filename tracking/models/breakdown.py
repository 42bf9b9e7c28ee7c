"""What reports say of domains, providers, variants and attributes: sums that the roll-up keeps, one row a value."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

# one each of a lead's e-mail, told from the ledger …
STATUS_COLUMNS = ("sent", "bounced_hard", "bounced_soft", "deferred", "failed", "dead", "skipped", "unknown")
# … leads by what they did first, each once …
FIRST_COLUMNS = ("opened", "clicked", "unsubscribed", "complained")
# … and events, every one, told by the drain
EVENT_COLUMNS = (
    "open_human", "open_machine", "open_unsure", "click_human", "click_machine", "click_unsure", "delivered",
)  # fmt: skip


# leads that make a value big: where mail arrives is told of those, and 20,000 domains of three leads are nobody's news
BIG = 50


class Breakdown(models.Model):
    """One campaign's numbers for one value of one dimension; the values of a dimension add up to the campaign.

    dimension: "variant", "provider" (value: its id, empty for none), "domain", "group" (of mailboxes), "reason" (the
    server's codes, or why it was skipped; empty for what was sent), "country", or "attribute:<name>". value: empty
    where the lead has none or is erased. is_big: at least BIG leads.
    """

    pk = models.CompositePrimaryKey("campaign_id", "dimension", "value")
    campaign_id = models.BigIntegerField()
    dimension = models.CharField(max_length=120)
    value = models.CharField(max_length=255)
    sent = models.BigIntegerField(default=0, db_default=0)
    bounced_hard = models.BigIntegerField(default=0, db_default=0)
    bounced_soft = models.BigIntegerField(default=0, db_default=0)
    deferred = models.BigIntegerField(default=0, db_default=0)
    failed = models.BigIntegerField(default=0, db_default=0)
    dead = models.BigIntegerField(default=0, db_default=0)
    skipped = models.BigIntegerField(default=0, db_default=0)
    unknown = models.BigIntegerField(default=0, db_default=0)
    opened = models.BigIntegerField(default=0, db_default=0)
    clicked = models.BigIntegerField(default=0, db_default=0)
    unsubscribed = models.BigIntegerField(default=0, db_default=0)
    complained = models.BigIntegerField(default=0, db_default=0)
    open_human = models.BigIntegerField(default=0, db_default=0)
    open_machine = models.BigIntegerField(default=0, db_default=0)
    open_unsure = models.BigIntegerField(default=0, db_default=0)
    click_human = models.BigIntegerField(default=0, db_default=0)
    click_machine = models.BigIntegerField(default=0, db_default=0)
    click_unsure = models.BigIntegerField(default=0, db_default=0)
    delivered = models.BigIntegerField(default=0, db_default=0)
    is_big = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "tracking_breakdown"
        # changes once in a row's life, so that counting stays off the indexes
        indexes = [
            models.Index(fields=["campaign_id", "dimension"], name="breakdown_big", condition=models.Q(is_big=True))
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.dimension} {self.value}: {self.sent} sent"


class EmailChange(models.Model):
    """A row of the ledger before and after a change, written by a trigger in the transaction that changes it.

    The roll-up takes them away within seconds. flags: 1 opened, 2 clicked, 4 unsubscribed, 8 complained.
    """

    campaign_id = models.BigIntegerField()
    lead_id = models.BigIntegerField()
    old_status = models.TextField()
    status = models.TextField()
    old_provider_id = models.IntegerField(null=True)
    provider_id = models.IntegerField(null=True)
    old_variant = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    old_at = models.DateTimeField()
    at = models.DateTimeField()
    old_flags = models.SmallIntegerField()
    flags = models.SmallIntegerField()
    old_reason = models.TextField()
    reason = models.TextField()

    class Meta:
        db_table = "tracking_emailchange"

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.lead_id}: {self.old_status} to {self.status}"


class ReportSettings(models.Model):
    """What the reports of this installation break down by. One row, number 1."""

    country_attribute = models.CharField(
        "country", max_length=100, default="country", db_default="country", blank=True,
        help_text="The lead's attribute that holds the country. Empty: no report by country.",
    )  # fmt: skip
    attributes = ArrayField(
        models.CharField(max_length=100), default=list, db_default=[], blank=True,
        help_text="Up to five more attributes to break reports down by, with commas between them: plan, source.",
    )  # fmt: skip

    class Meta:
        verbose_name = verbose_name_plural = "report settings"
        permissions = [("view_reports", "Can see reports")]

    def __str__(self) -> str:
        return "Report settings"
