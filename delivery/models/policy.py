"""Policies that operators set in the admin: retries by stream, rules for replies, frequency cap, alerts."""

from __future__ import annotations

import datetime as dt

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from campaigns import crypto
from delivery.models.provider import Pool, Provider

OLD_SECRET_SIGNS = dt.timedelta(days=1)


def transient_minutes() -> list[int]:
    return [10, 60, 360]


class RetryPolicy(models.Model):
    """When a stream tries again. The numbers are those of `engine.retry.Policy`; no row means its defaults."""

    stream = models.CharField(max_length=16, choices=Pool.Stream.choices, unique=True)
    transient_minutes = ArrayField(
        models.PositiveIntegerField(validators=[MinValueValidator(1)]),
        default=transient_minutes,
        help_text="Waits after temporary failures, one for each retry, shortened by chance by up to a half.",
    )
    soft_minutes = models.PositiveIntegerField(default=240, validators=[MinValueValidator(1)])
    soft_retries = models.PositiveSmallIntegerField(default=3, validators=[MaxValueValidator(10)])
    throttle_minutes = models.PositiveIntegerField(default=10, validators=[MinValueValidator(1)])
    block_minutes = models.PositiveIntegerField(default=10, validators=[MinValueValidator(1)])
    block_retries = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(3)])
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["stream"]
        verbose_name_plural = "retry policies"

    def __str__(self) -> str:
        return self.get_stream_display()


class ReplyRule(models.Model):
    """An operator's rule for replies; looked at before the built-in table, in the order of `position`.

    codes, enhanced: patterns with `*` ("55*", "5.7.*"), separated by commas. phrases, unless: one a line, `*` stands
    for some characters. Conditions that are empty do not count; a rule needs one at least.
    """

    class Outcome(models.TextChoices):
        TRANSIENT = "transient", "Temporary: try again later"
        SOFT = "soft", "Soft bounce: mailbox full"
        THROTTLE = "throttle", "Throttled: slow down"
        HARD = "hard", "Hard bounce: suppress the address"
        BLOCK = "block", "Blocked: policy or reputation"
        CONTENT = "content", "Content refused"
        SENDER = "sender", "Our sender is at fault"
        UNDETERMINED = "undetermined", "Undetermined: fail, do not suppress"

    name = models.SlugField(max_length=40, unique=True)
    position = models.PositiveSmallIntegerField(default=100)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    reason = models.CharField(max_length=200, help_text="A sentence for the person who reads the ledger.")
    codes = models.CharField(max_length=100, blank=True, default="")
    enhanced = models.CharField("enhanced codes", max_length=100, blank=True, default="")
    phrases = models.TextField(blank=True, default="")
    unless = models.TextField(blank=True, default="")
    mailbox_group = models.CharField(max_length=16, blank=True, default="", help_text="Every group when left empty.")
    provider = models.ForeignKey(
        Provider, null=True, blank=True, on_delete=models.CASCADE, help_text="Every provider when left empty."
    )
    pause_minutes = models.PositiveIntegerField(
        null=True, blank=True, help_text="Stop sending to this group by this provider for so long."
    )
    is_active = models.BooleanField("active", default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class SendingPolicy(models.Model):
    """The one row of limits that hold for every campaign. frequency_cap 0: no cap. soft_bounce_limit 0: no limit."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    frequency_cap = models.PositiveSmallIntegerField(
        "marketing e-mails a lead", default=0, validators=[MaxValueValidator(100)], help_text="0: no cap."
    )
    frequency_days = models.PositiveSmallIntegerField(
        "within days", default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    soft_bounce_limit = models.PositiveSmallIntegerField(
        "soft bounces until an address is suppressed", default=5, db_default=5, validators=[MaxValueValidator(100)],
        help_text="Each e-mail counts once. 0: never.",
    )  # fmt: skip
    soft_bounce_days = models.PositiveSmallIntegerField(
        "counted over days", default=14, db_default=14, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "sending policy"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="sending_policy_one_row")]

    def __str__(self) -> str:
        return "Sending policy"


class AlertSettings(models.Model):
    """The one row that says who is told, how, and from when on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    emails = models.TextField(
        "operators' e-mail addresses", blank=True, default="", help_text="One a line. Nobody is written to when empty."
    )
    webhook_url = models.URLField(blank=True, default="", help_text="Alerts are posted here, signed.")
    sealed_webhook_secret = models.TextField(blank=True, default="", editable=False)
    dead_letter_threshold = models.PositiveIntegerField(
        default=100, help_text="Alert when more dead letters than this wait for a decision. 0: never."
    )
    repeat_hours = models.PositiveSmallIntegerField(
        default=6, validators=[MinValueValidator(1)], help_text="The same alert is not sent again within so many hours."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "alert settings"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="alert_settings_one_row")]

    def __str__(self) -> str:
        return "Alert settings"

    @property
    def webhook_secret(self) -> str:
        """The secret that signs alerts, opened, "" where none was made. Raises crypto.SecretUnreadable."""
        return str(crypto.unseal(self.sealed_webhook_secret).get("secret", ""))

    @webhook_secret.setter
    def webhook_secret(self, secret: str) -> None:
        self.sealed_webhook_secret = crypto.seal({"secret": secret} if secret else {})

    def replace_secret(self, secret: str, now: dt.datetime) -> None:
        """Sign with a new secret, and for a day with the old one too, so that the receiver can change in peace."""
        try:
            old = self.webhook_secret
        except crypto.SecretUnreadable:
            old = ""
        kept = {"old": old, "old_until": (now + OLD_SECRET_SIGNS).timestamp()} if old else {}
        self.sealed_webhook_secret = crypto.seal({"secret": secret, **kept})

    def signing_secrets(self, now: dt.datetime) -> list[str]:
        """The secrets that sign at this moment, the new one first; none where none was made.

        Raises crypto.SecretUnreadable.
        """
        kept = crypto.unseal(self.sealed_webhook_secret)
        is_in_time = now.timestamp() < kept.get("old_until", 0)
        return [secret for secret in (kept.get("secret"), kept.get("old") if is_in_time else "") if secret]


class Alert(models.Model):
    """Something that an operator was told, or should have been.

    key: what it is about ("dead-letters", "blocked:3:gmail"); one alert a key within the repeat time.
    tried: how often its delivery was tried. error: why the last try failed, "" when all went well.
    """

    key = models.CharField(max_length=100)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    link = models.CharField(max_length=200, blank=True, default="", help_text="A path of the admin.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    emailed_at = models.DateTimeField(null=True)
    posted_at = models.DateTimeField(null=True)
    tried = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["key", "-id"], name="alert_last_of_key"),
            models.Index(fields=["next_try_at"], name="alert_due", condition=models.Q(next_try_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.subject
