"""Campaigns: what is sent to whom, when, and how far it has come."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.functions import Now

from campaigns import state_changes
from campaigns.models.lead import Lead, MailingList, Topic
from campaigns.models.segment import Segment
from campaigns.models.template import BodyFormat, Template


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def move(self, *, pk: int, to: str, allowed_from: tuple[str, ...], **changes: object) -> bool:
        """Compare-and-set of the state. False when the campaign stood in none of `allowed_from`."""
        with transaction.atomic(using=self.db):
            is_moved = self.filter(pk=pk, state__in=allowed_from).update(state=to, **changes) == 1
            if is_moved:
                state_changes.tell(pk, to)
        return is_moved

    def hold(self, pk: int) -> bool:
        """Lock the row until the transaction ends; False, at once, where somebody else has it: a launch lasts."""
        return self.filter(pk=pk).select_for_update(skip_locked=True, no_key=True).exists()


class Campaign(models.Model):
    """A campaign and a copy of its numbers, refreshed each second from batches, never counted from the ledger."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        LAUNCHING = "launching", "Launching"
        SENDING = "sending", "Sending"
        PAUSED = "paused", "Paused"
        SENT = "sent", "Sent"
        CANCELLED = "cancelled", "Cancelled"

    name = models.CharField(max_length=200)
    subject = models.CharField(max_length=400)
    preheader = models.CharField(max_length=250, blank=True, default="")
    from_name = models.CharField(max_length=100, blank=True, default="")
    from_email = models.EmailField("from address")
    reply_to = models.EmailField(blank=True, default="")
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.SET_NULL)
    body_format = models.CharField(max_length=4, choices=BodyFormat.choices, default=BodyFormat.MJML)
    body = models.TextField()
    text = models.TextField("plain text", blank=True, default="", help_text="Made from the body when left empty.")
    segment = models.ForeignKey(Segment, null=True, blank=True, on_delete=models.PROTECT)
    mailing_list = models.ForeignKey(MailingList, null=True, blank=True, on_delete=models.PROTECT, verbose_name="list")
    topic = models.ForeignKey(
        Topic, null=True, blank=True, on_delete=models.SET_NULL,
        help_text="Who has declined it on the page of preferences is skipped.",
    )  # fmt: skip
    priority = models.PositiveSmallIntegerField(
        default=5, validators=[MaxValueValidator(9)], help_text="0 to 9; 9 is the most urgent."
    )
    scheduled_at = models.DateTimeField(null=True, blank=True)
    max_per_hour = models.PositiveIntegerField(
        "e-mails an hour", null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="As fast as possible when left empty.",
    )  # fmt: skip
    send_from = models.TimeField(null=True, blank=True, help_text="Only from this time of day on.")
    send_until = models.TimeField(null=True, blank=True, help_text="And until then; may be past midnight.")
    send_weekdays = ArrayField(
        models.PositiveSmallIntegerField(), blank=True, default=list, db_default=[],
        help_text="Only on these days; every day when none is chosen.",
    )  # fmt: skip
    by_local_time = models.BooleanField(
        "in the lead's time zone", default=False, db_default=False,
        help_text="The hours are those of each lead; where a lead has no time zone, those of the installation.",
    )  # fmt: skip
    ignores_frequency_cap = models.BooleanField(
        default=False, db_default=False, help_text="For notices that everybody must get."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT, editable=False)
    state_reason = models.TextField(blank=True, default="", editable=False)
    launched_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    audience = models.BigIntegerField(default=0, editable=False)
    pending = models.BigIntegerField(default=0, editable=False)
    deferred = models.BigIntegerField(default=0, editable=False)
    sent = models.BigIntegerField(default=0, editable=False)
    bounced = models.BigIntegerField(default=0, editable=False)
    soft_bounced = models.BigIntegerField(default=0, db_default=0, editable=False)
    failed = models.BigIntegerField(default=0, editable=False)
    dead = models.BigIntegerField(default=0, editable=False)
    skipped = models.BigIntegerField(default=0, editable=False)
    unknown = models.BigIntegerField(default=0, editable=False)
    opened = models.BigIntegerField("opened by people", default=0, editable=False)
    clicked = models.BigIntegerField("clicked by people", default=0, editable=False)
    unsubscribed = models.BigIntegerField(default=0, editable=False)
    complained = models.BigIntegerField(default=0, editable=False)
    counted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["state", "scheduled_at"],
                name="campaign_at_work",
                condition=models.Q(state__in=["scheduled", "launching", "sending", "paused", "cancelled"]),
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(segment__isnull=True) | models.Q(mailing_list__isnull=True),
                name="campaign_one_audience",
                violation_error_message="Choose a segment or a list, not both.",
            )
        ]
        permissions = [
            ("launch_campaign", "Can launch, pause, resume and cancel campaigns"),
            ("resolve_unknown", "Can decide what becomes of unknown e-mails"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_editable(self) -> bool:
        return self.state == self.State.DRAFT


class FeedEntry(models.Model):
    """One JSON object for one lead of one campaign, computed elsewhere and seen by the template as {{ feed }}."""

    pk = models.CompositePrimaryKey("campaign_id", "lead_id")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="feed_entries")
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+", db_index=False)
    data = models.JSONField()

    class Meta:
        verbose_name_plural = "feed entries"

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.lead_id}"
