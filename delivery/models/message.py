"""Transactional mail: one row per recipient, partitioned by month, claimed by row; its streams, history and copies.

All tables but that of streams are made by migrations in SQL.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models

from delivery.models.provider import Pool

MAX_COPY_DAYS = 90


class MessageStream(models.Model):
    """A kind of transactional mail with habits of its own; requests name it, "transactional" where they do not.

    copy_days: how long the rendered message is kept, encrypted; 0 keeps none.
    """

    DEFAULT = "transactional"

    name = models.CharField(
        max_length=50,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", "Small letters, digits, - and _ make a name.")],
        help_text="As requests write it, such as receipts.",
    )
    at_least_once = models.BooleanField(
        "at least once",
        default=False,
        help_text="When it cannot be known whether a message arrived, send it again: a second copy rather than none.",
    )
    pool = models.ForeignKey(
        Pool,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        help_text="The default transactional pool when left empty.",
    )
    copy_days = models.PositiveSmallIntegerField(
        "days to keep copies",
        default=7,
        validators=[MaxValueValidator(MAX_COPY_DAYS)],
        help_text="What each recipient got is kept for so long, encrypted. 0 keeps no copies.",
    )

    class Meta:
        ordering = ["name"]
        verbose_name = "message stream"

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One transactional e-mail from acceptance to its outcome.

    content_digest: its MessageContent; `content` holds it in rows from before there were such. data: what is merged in,
    emptied once the message is settled. An expired lease becomes `unknown`, or is sent once more with the same
    Message-ID where `at_least_once` was asked for.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DEFERRED = "deferred", "Deferred"
        BOUNCED_HARD = "bounced_hard", "Bounced (hard)"
        BOUNCED_SOFT = "bounced_soft", "Bounced (soft)"
        FAILED = "failed", "Failed"
        DEAD = "dead", "Dead letter"
        SKIPPED = "skipped", "Skipped"
        CANCELLED = "cancelled", "Cancelled"
        UNKNOWN = "unknown", "Unknown"

    pk = models.CompositePrimaryKey("id", "created_at")
    id = models.BigIntegerField()
    created_at = models.DateTimeField()
    stream = models.TextField(default="transactional")
    pool_id = models.BigIntegerField(null=True)
    priority = models.SmallIntegerField(default=5)
    to_address = models.TextField()
    to_name = models.TextField(default="")
    sender = models.TextField()
    sender_name = models.TextField(default="")
    reply_to = models.TextField(default="")
    content = models.BinaryField(default=b"")
    content_digest = models.BinaryField(null=True)
    data = models.JSONField(default=dict)
    headers = models.JSONField(default=list)
    tags = ArrayField(models.TextField(), default=list)
    metadata = models.JSONField(default=dict)
    at_least_once = models.BooleanField(default=False)
    status = models.TextField(choices=Status.choices)
    attempt = models.IntegerField(default=0)
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    provider_id = models.IntegerField(null=True)
    at = models.DateTimeField(null=True)
    code = models.SmallIntegerField(null=True)
    enhanced = models.TextField(null=True)
    reply = models.TextField(null=True)
    esp_message_id = models.TextField(null=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_message"
        verbose_name = "transactional message"

    def __str__(self) -> str:
        return f"message {self.id} to {self.to_address}: {self.status}"


class MessageContent(models.Model):
    """What messages say, under the SHA-256 of it: stored once, however many get it. See delivery/messages/content.py.

    payload: emptied when nobody needs it any more. links: [[number, target]…], kept for ever. files: digests of
    attached files, which are rows of their own.
    """

    digest = models.BinaryField(primary_key=True)
    kind = models.TextField()
    payload = models.BinaryField()
    links = models.JSONField(default=list)
    files = ArrayField(models.BinaryField(), default=list)
    used_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "delivery_messagecontent"

    def __str__(self) -> str:
        return f"{self.kind} {bytes(self.digest).hex()}"


class MessageEvent(models.Model):
    """One line of a message's history, partitioned by month; written with the change that it tells of.

    kind: "accepted", or the status that the message came to.
    """

    pk = models.CompositePrimaryKey("message_id", "at")
    message_id = models.BigIntegerField()
    at = models.DateTimeField()
    kind = models.TextField()
    provider_id = models.IntegerField(null=True)
    code = models.SmallIntegerField(null=True)
    detail = models.TextField(default="")

    class Meta:
        managed = False
        db_table = "delivery_messageevent"

    def __str__(self) -> str:
        return f"message {self.message_id}: {self.kind}"


class MessageCopy(models.Model):
    """A message as it was rendered for its recipient, encrypted; see delivery/messages/copies.py."""

    message_id = models.BigIntegerField(primary_key=True)
    expires_at = models.DateTimeField()
    sealed = models.BinaryField()

    class Meta:
        managed = False
        db_table = "delivery_messagecopy"
        verbose_name = "copy of a message"
        verbose_name_plural = "copies of messages"

    def __str__(self) -> str:
        return f"copy of message {self.message_id}"
