"""Mailboxes that bounces arrive in, where mail cannot be brought to us directly."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from campaigns import crypto


class MailAccount(models.Model):
    """A mailbox that is emptied every minute. The connection is always encrypted and the server's name is checked.

    last_error: why the last visit failed, "" when it went well. taken: messages taken over since ever.
    """

    class Protocol(models.TextChoices):
        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"

    class Security(models.TextChoices):
        TLS = "tls", "TLS"
        STARTTLS = "starttls", "STARTTLS"

    name = models.CharField(max_length=100, unique=True)
    protocol = models.CharField(max_length=4, choices=Protocol.choices, default=Protocol.IMAP)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=993, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    security = models.CharField(max_length=8, choices=Security.choices, default=Security.TLS)
    username = models.CharField(max_length=254)
    sealed_password = models.TextField(blank=True, default="", editable=False)
    folder = models.CharField(max_length=200, default="INBOX", help_text="IMAP only.")
    keeps_messages = models.BooleanField(
        "leave messages in the mailbox", default=False,
        help_text="IMAP only: they are marked as read instead of deleted; only unread ones are taken.",
    )  # fmt: skip
    is_active = models.BooleanField("active", default=True)
    last_visit_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    taken = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "bounce mailbox"
        verbose_name_plural = "bounce mailboxes"

    def __str__(self) -> str:
        return self.name

    @property
    def password(self) -> str:
        """Opened, "" where none was set. Raises crypto.SecretUnreadable."""
        return str(crypto.unseal(self.sealed_password).get("password", ""))

    @password.setter
    def password(self, password: str) -> None:
        self.sealed_password = crypto.seal({"password": password} if password else {})
