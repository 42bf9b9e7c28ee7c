"""How much may leave: limits of a provider by mailbox group, warm-up plans, limits of people, what has left."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from delivery.models.provider import Provider

# ceilings of the published ramps, e-mails a day
PUBLISHED_RAMP = (
    200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 50_000, 75_000, 100_000, 150_000, 200_000, 250_000,
)  # fmt: skip


def published_ramp() -> list[int]:
    return list(PUBLISHED_RAMP)


class GroupLimit(models.Model):
    """The most that one provider sends to one mailbox group (gmail, yahoo, …, other)."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="group_limits")
    mailbox_group = models.CharField(max_length=16)
    rate_per_second = models.FloatField(validators=[MinValueValidator(0.001)])

    class Meta:
        ordering = ["mailbox_group"]
        constraints = [models.UniqueConstraint(fields=["provider", "mailbox_group"], name="group_limit_once")]

    def __str__(self) -> str:
        return f"{self.rate_per_second:g} a second to {self.mailbox_group}"


class SoftBounce(models.Model):
    """A mailbox was full, or the like, for one e-mail: counted until the address is suppressed for it.

    digest: SHA-256 of the address. source: "campaign 7" or "message 9", so that no e-mail counts twice.
    """

    digest = models.BinaryField(max_length=32)
    source = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "source"], name="soft_bounce_once")]
        indexes = [models.Index(fields=["at"], name="soft_bounce_at")]

    def __str__(self) -> str:
        return f"{bytes(self.digest).hex()[:16]} by {self.source}"


class WarmUp(models.Model):
    """A daily ceiling that rises along a ramp, for a provider as a whole ("") or for one mailbox group.

    stage: index into `ramp`. stage_day: the UTC day that the stage began for; the next day moves it on, unless frozen.
    last_sent_on: thirty idle days send a plan back to its first stage.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        FROZEN = "frozen", "Frozen"
        DONE = "done", "Done"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="warm_ups")
    mailbox_group = models.CharField(max_length=16, blank=True, default="")
    ramp = ArrayField(models.PositiveIntegerField(validators=[MinValueValidator(1)]), default=published_ramp)
    stage = models.PositiveSmallIntegerField(default=0, db_default=0)
    stage_day = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING, db_default=State.RUNNING)
    frozen_reason = models.TextField(blank=True, default="", db_default="")
    last_sent_on = models.DateField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["provider", "mailbox_group"]
        verbose_name = "warm-up plan"
        constraints = [models.UniqueConstraint(fields=["provider", "mailbox_group"], name="warm_up_once")]

    def __str__(self) -> str:
        return f"{self.provider_id} to {self.mailbox_group or 'everybody'}: stage {self.stage}"


class SenderLimit(models.Model):
    """The most that one person's campaigns send together."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="sender_limit"
    )
    per_hour = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    per_day = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])

    def __str__(self) -> str:
        parts = [
            f"{self.per_hour:,} an hour" if self.per_hour else "",
            f"{self.per_day:,} a day" if self.per_day else "",
        ]
        return ", ".join(part for part in parts if part) or "no limit"


class LeadTouch(models.Model):
    """Marketing e-mails that a lead has had, or may be getting now: what the frequency cap counts.

    Two arrays side by side, one place for each campaign; what is older than the cap's period is cut off by the next
    reservation.
    """

    lead_id = models.BigIntegerField(primary_key=True)
    campaign_ids = ArrayField(models.BigIntegerField())
    times = ArrayField(models.DateTimeField())

    def __str__(self) -> str:
        return f"touches of lead {self.lead_id}"


class ProviderUsage(models.Model):
    """What a provider was given in one hour, by mailbox group and by what came of it; written by the batch, not by
    the window. Daily quotas and warm-up counts are rebuilt from here when Redis has forgotten them.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="usage")
    mailbox_group = models.CharField(max_length=16)
    hour = models.DateTimeField()
    accepted = models.PositiveIntegerField(default=0, db_default=0)
    deferred = models.PositiveIntegerField(default=0, db_default=0)
    throttled = models.PositiveIntegerField(default=0, db_default=0)
    bounced = models.PositiveIntegerField(default=0, db_default=0)
    blocked = models.PositiveIntegerField(default=0, db_default=0)
    failed = models.PositiveIntegerField(default=0, db_default=0)
    unknown = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "hour", "mailbox_group"], name="provider_usage_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} to {self.mailbox_group} at {self.hour}"


class ProviderEvent(models.Model):
    """What happened to a provider that an operator would want to know: its last errors, its circuit, its state."""

    class Kind(models.TextChoices):
        ERROR = "error", "Error"
        THROTTLED = "throttled", "Throttled"
        BLOCKED = "blocked", "Blocked"
        OPENED = "opened", "Circuit opened"
        CLOSED = "closed", "Circuit closed"
        CHANGED = "changed", "Changed"

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=10, choices=Kind.choices)
    mailbox_group = models.CharField(max_length=16, blank=True, default="", db_default="")
    code = models.SmallIntegerField(null=True)
    text = models.TextField(blank=True, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["provider", "-id"], name="provider_event_last")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.text}"
