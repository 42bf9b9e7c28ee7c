"""Leads and the lists that they are on."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from campaigns import addresses


class Lead(models.Model):
    """A person with one address. `email` is always in the form of `addresses.normalise`.

    What the person wished for stands here and not in a table of its own: it is read for each e-mail, and a column of
    a row that is read anyway costs nothing. frequency_days: at most one campaign in so many days, 0 for all of them.
    declined_topics: ids of topics, without a foreign key: one that is gone declines nothing.
    """

    class Status(models.TextChoices):
        SUBSCRIBED = "subscribed", "Subscribed"
        PENDING = "pending", "Not confirmed yet"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        BOUNCED = "bounced", "Bounced"
        COMPLAINED = "complained", "Complained"

    email = models.CharField("e-mail", max_length=254, unique=True)
    mailbox_group = models.CharField(max_length=16, default="other", editable=False)
    first_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    last_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    language = models.CharField(max_length=12, blank=True, default="", db_default="", help_text="Such as en or pt-br.")
    time_zone = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Such as Europe/Berlin."
    )
    status = models.CharField(
        max_length=12, choices=Status.choices, default=Status.SUBSCRIBED, db_default=Status.SUBSCRIBED
    )
    attributes = models.JSONField(blank=True, default=dict, db_default={})
    tags = ArrayField(models.CharField(max_length=64), blank=True, default=list, db_default=[])
    declined_topics = ArrayField(models.BigIntegerField(), blank=True, default=list, db_default=[], editable=False)
    frequency_days = models.SmallIntegerField(default=0, db_default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            GinIndex(fields=["tags"], name="lead_tags"),
            GinIndex(fields=["attributes"], name="lead_attributes", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["created_at"], name="lead_created"),
            # written as segments and mail_sql write it
            models.Index(
                models.Func("email", models.Value("[^@]*$"), function="SUBSTRING", arg_joiner=" FROM "),
                name="lead_email_domain",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(email__contains="@"), name="lead_email_has_at"),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: object, **kwargs: object) -> None:
        known = addresses.mailbox_group(self.email)
        # a group that was found by MX records stays: only `mail_domains` knows better
        if known != addresses.OTHER or self._state.adding:
            self.mailbox_group = known
        super().save(*args, **kwargs)  # type: ignore[arg-type]  # passed through as they came

    def clean(self) -> None:
        try:
            self.email = addresses.normalise(self.email)
        except addresses.AddressInvalid as error:
            raise ValidationError({"email": str(error)}) from error


class Topic(models.Model):
    """What a campaign is about, so that people can decline it and stay subscribed to everything else."""

    name = models.CharField(max_length=100, unique=True, help_text="As people read it: Offers, Events, Product news.")
    description = models.CharField(
        max_length=300, blank=True, default="", help_text="One sentence for the page where people choose."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MailingList(models.Model):
    """A named list that leads subscribe to; a campaign can go to one.

    is_public: people may see it on their page of preferences, and join and leave it there.
    """

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True, default="")
    is_public = models.BooleanField(
        "shown to people", default=False, db_default=False,
        help_text="People may join and leave it on their page of preferences.",
    )  # fmt: skip
    title = models.CharField(
        "title for people", max_length=100, blank=True, default="", db_default="",
        help_text="How people read it; its name when left empty.",
    )  # fmt: skip
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    leads = models.ManyToManyField(Lead, through="ListMembership", related_name="lists")

    class Meta:
        ordering = ["name"]
        verbose_name = "list"

    def __str__(self) -> str:
        return self.name

    @property
    def shown_name(self) -> str:
        """The list's name as people read it."""
        return self.title or self.name


class ListMembership(models.Model):
    class Status(models.TextChoices):
        SUBSCRIBED = "subscribed", "Subscribed"
        UNCONFIRMED = "unconfirmed", "Not confirmed yet"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"

    # the unique constraint begins with the list: an index of its own would only slow imports down
    mailing_list = models.ForeignKey(MailingList, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="memberships")
    status = models.CharField(
        max_length=12, choices=Status.choices, default=Status.SUBSCRIBED, db_default=Status.SUBSCRIBED
    )
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing_list", "lead"], name="membership_once")]
        verbose_name = "list membership"

    def __str__(self) -> str:
        return f"{self.lead_id} on {self.mailing_list_id}: {self.status}"


class MailDomain(models.Model):
    """Who runs the mailboxes of a domain that the static table does not know, found by its MX records.

    mailbox_group: "other" where the mail servers are nobody's that we know. checked_at: None before the first look.
    """

    domain = models.CharField(primary_key=True, max_length=253)
    mailbox_group = models.CharField(max_length=16, default="other", db_default="other")
    mail_host = models.CharField(max_length=253, blank=True, default="", db_default="")
    checked_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"{self.domain}: {self.mailbox_group}"
