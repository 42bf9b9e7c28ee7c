"""Keys of programs that call the API, and the answers that a repeated request gets again."""

from __future__ import annotations

import ipaddress
from functools import cached_property

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_PER_DAY = 2_000_000_000


def check_network(text: str) -> None:
    """Raises ValidationError unless `text` is an address or a network such as 10.0.0.0/8."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValidationError(f"{text} is no address or network such as 192.0.2.7 or 192.0.2.0/24.") from error


class ApiKey(models.Model):
    """What one program may do. Of its secret only a hash is stored: `mm_<prefix>_<secret>` is shown once.

    digest: SHA-256 of the whole text. The secret has 256 random bits, so a slow hash would protect nothing.
    """

    name = models.CharField(max_length=100, help_text="What the key is for, such as “Shop, order confirmations”.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    rate_per_second = models.PositiveIntegerField(
        "requests a second", null=True, blank=True, default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="Twice as many may come in one burst. No limit when left empty.",
    )  # fmt: skip
    per_day = models.PositiveIntegerField(
        "requests a day", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_PER_DAY)],
        help_text="A day begins at 0:00 UTC. No limit when left empty.",
    )  # fmt: skip
    networks = ArrayField(
        models.CharField(max_length=49, validators=[check_network]), blank=True, default=list,
        verbose_name="allowed networks",
        help_text="Addresses or networks that may use the key, with commas between them. Any when left empty.",
    )  # fmt: skip
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Never when left empty.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"API key “{self.name}” ({self.prefix})"

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes

    @cached_property
    def parsed_networks(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(text) for text in self.networks)

    def admits(self, address: str) -> bool:
        """Whether a caller at this IP address may use the key; an address that is none is admitted only by keys
        without a list."""
        if not self.networks:
            return True
        try:
            caller = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
            caller = caller.ipv4_mapped
        return any(caller in network for network in self.parsed_networks)


class IdempotentAnswer(models.Model):
    """The answer to a POST that came with an Idempotency-Key, kept for a day.

    fingerprint: SHA-256 of the request, so that the same key with another body is seen. body: sealed. No foreign
    key: it would be checked on every request, and rows of a deleted key are gone within a day.
    """

    pk = models.CompositePrimaryKey("api_key_id", "key")
    api_key_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotent_created")]

    def __str__(self) -> str:
        return f"answer {self.status} to {self.key}"
