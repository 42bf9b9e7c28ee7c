"""Where e-mail leaves: providers, and the pools that campaigns choose from."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from campaigns import crypto
from campaigns.models import Campaign


class Provider(models.Model):
    """An SMTP relay or an ESP account. Credentials are encrypted; `credentials` opens and seals them."""

    class Kind(models.TextChoices):
        SMTP = "smtp", "SMTP relay"
        SES = "ses", "Amazon SES"
        SENDGRID = "sendgrid", "SendGrid"
        MAILGUN = "mailgun", "Mailgun"
        POSTMARK = "postmark", "Postmark"
        BREVO = "brevo", "Brevo"
        RESEND = "resend", "Resend"
        MAILJET = "mailjet", "Mailjet"

    class Security(models.TextChoices):
        PLAIN = "plain", "None"
        STARTTLS = "starttls", "STARTTLS"
        TLS = "tls", "TLS"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        DRAINING = "draining", "Draining"
        PAUSED = "paused", "Paused"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.SMTP)
    host = models.CharField(max_length=253, blank=True, default="")
    port = models.PositiveIntegerField(default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    security = models.CharField(max_length=8, choices=Security.choices, default=Security.STARTTLS)
    username = models.CharField(max_length=254, blank=True, default="")
    sealed_credentials = models.TextField(blank=True, default="", editable=False)
    local_address = models.GenericIPAddressField(
        null=True, blank=True, help_text="Address of this machine to send from; any when left empty."
    )
    chunking = models.BooleanField(
        "several messages at once",
        default=True,
        db_default=True,
        help_text="Faster, where the relay offers CHUNKING; elsewhere it changes nothing. When a connection is lost, "
        "up to eight e-mails on it may become unknown instead of one. Switch it off for a relay that handles it badly.",
    )
    max_connections = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text="Per worker process.",
    )
    rate_per_second = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.01)], help_text="No limit when left empty."
    )
    rate_per_hour = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="No limit when left empty."
    )
    rate_per_day = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A day begins at 0:00 UTC. No limit when left empty.",
    )
    batch_size = models.PositiveSmallIntegerField(
        "recipients a call",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="ESPs only: 50 when left empty, never more than the ESP takes.",
    )
    options = models.JSONField(
        blank=True, default=dict, db_default={}, help_text="What is not secret of an ESP account: region, domain."
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    state_changed_at = models.DateTimeField(db_default=Now(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def move(self, state: str) -> bool:
        """Compare-and-set of the state; workers follow within seconds. False when it stood there already."""
        moved = Provider.objects.filter(pk=self.pk).exclude(state=state).update(state=state, state_changed_at=Now())
        self.refresh_from_db(fields=["state", "state_changed_at"])
        return moved == 1

    @property
    def credentials(self) -> dict[str, str]:
        """The secrets, opened: {"password": …}. Raises crypto.SecretUnreadable."""
        return crypto.unseal(self.sealed_credentials)

    @credentials.setter
    def credentials(self, secrets: dict[str, str]) -> None:
        self.sealed_credentials = crypto.seal(secrets)


class Pool(models.Model):
    """Providers that stand in for each other, for one stream of mail."""

    class Stream(models.TextChoices):
        MARKETING = "marketing", "Marketing"
        TRANSACTIONAL = "transactional", "Transactional"

    class Selection(models.TextChoices):
        WEIGHTED = "weighted", "By weight, in turn"
        LEAST_LOADED = "least_loaded", "Least loaded"

    name = models.CharField(max_length=100, unique=True)
    stream = models.CharField(max_length=16, choices=Stream.choices, default=Stream.MARKETING)
    is_default = models.BooleanField(default=False, help_text="Used where a campaign or message names no pool.")
    selection = models.CharField(
        max_length=12,
        choices=Selection.choices,
        default=Selection.WEIGHTED,
        db_default=Selection.WEIGHTED,
        help_text="How a provider is chosen inside the best healthy tier.",
    )
    is_shared = models.BooleanField(
        "shared",
        default=True,
        db_default=True,
        help_text="Switch off for a pool that only serves the sending domains and campaigns that name it.",
    )
    providers = models.ManyToManyField(Provider, through="PoolMember", related_name="pools")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["stream"], condition=models.Q(is_default=True), name="pool_one_default_a_stream"
            )
        ]

    def __str__(self) -> str:
        return self.name


class PoolMember(models.Model):
    """tier: the lowest healthy one is used. weight: share of the traffic inside the tier."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="memberships")
    weight = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    tier = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(9)])

    class Meta:
        ordering = ["tier", "id"]
        constraints = [models.UniqueConstraint(fields=["pool", "provider"], name="pool_member_once")]

    def __str__(self) -> str:
        return f"{self.provider} in {self.pool}"


class CampaignPool(models.Model):
    """Which pool a campaign leaves by; campaigns themselves know nothing of how mail is sent."""

    campaign = models.OneToOneField(Campaign, primary_key=True, on_delete=models.CASCADE, related_name="delivery_pool")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return f"{self.campaign_id} by {self.pool_id}"
