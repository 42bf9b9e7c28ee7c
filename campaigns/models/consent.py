"""How people subscribe by themselves: forms, and the record of what they agreed to."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now

from campaigns.models.lead import Lead, MailingList, Topic

WORDING = "Yes, send me e-mails. I can stop them at any time by the link in each of them."
EXPIRY_HOURS = 72


class SubscriptionForm(models.Model):
    """A form at /f/<slug>, hosted by us or standing on another page.

    questions: the questions beside the address, in order: {"field": "first_name" or "attributes.city", "label": …,
    "required": …}. wording_version rises with every change of the wording: a consent names the one that was read.
    return_urls: where a person may be sent afterwards, one a line, the first by default. No other address is gone to.
    """

    name = models.CharField(max_length=100, unique=True, help_text="For you; people do not see it.")
    slug = models.SlugField("address", max_length=60, unique=True, help_text="The form stands at /f/ and this.")
    is_active = models.BooleanField("open", default=True, help_text="A closed form takes nobody.")
    title = models.CharField(max_length=120, default="Subscribe")
    intro = models.TextField("introduction", blank=True, default="")
    lists = models.ManyToManyField(MailingList, help_text="Who subscribes is put on these.")
    people_choose_lists = models.BooleanField(
        "people choose among the lists", default=False, help_text="Otherwise they join all of them."
    )
    topics = models.ManyToManyField(Topic, blank=True, help_text="Topics that people may decline right away.")
    questions = models.JSONField(default=list, blank=True)
    wording = models.TextField("wording of the consent", default=WORDING, help_text="Stands beside a box to tick.")
    wording_version = models.PositiveIntegerField(default=1, editable=False)
    double_opt_in = models.BooleanField(
        "ask for confirmation by e-mail", default=True,
        help_text="Without it anybody can subscribe anybody. Who once left is asked in any case.",
    )  # fmt: skip
    button = models.CharField(max_length=60, default="Subscribe")
    thank_you = models.TextField(
        blank=True, default="", help_text="Shown after the form was sent; a text of ours when left empty."
    )
    return_urls = models.TextField(
        "addresses to go to afterwards", blank=True, default="",
        help_text="Whole addresses, one a line; the first is used unless the form names another of them in “next”.",
    )  # fmt: skip
    sender_name = models.CharField("sender of the confirmation", max_length=100, blank=True, default="")
    sender_email = models.EmailField(
        "its address", blank=True, default="", help_text="The installation's own sender when left empty."
    )
    confirm_subject = models.CharField("its subject", max_length=200, default="Please confirm your subscription")
    confirm_text = models.TextField("its text", blank=True, default="", help_text="Stands before the button.")
    expiry_hours = models.PositiveSmallIntegerField(
        "hours to confirm", default=EXPIRY_HOURS, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )
    logo_url = models.CharField(
        "logo", max_length=300, blank=True, default="", help_text="Address of a picture, https only."
    )
    colour = models.CharField(
        "colour of the button", max_length=7, blank=True, default="",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "Write a colour as #2457d6.")],
    )  # fmt: skip
    footer = models.TextField(blank=True, default="", help_text="Such as your company's name and address.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Consent(models.Model):
    """What one person agreed to, when, from which network, reading which words; and when it was confirmed.

    answers: what else was typed, applied once it is confirmed. expires_at: until when the link in the confirmation
    works; None where nothing had to be confirmed. list_ids, declined_topics: as chosen. wording: the words as read.
    """

    class Source(models.TextChoices):
        FORM = "form", "Form"
        PREFERENCES = "preferences", "Page of preferences"

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="consents")
    source = models.CharField(max_length=12, choices=Source.choices, default=Source.FORM)
    form = models.ForeignKey(SubscriptionForm, null=True, blank=True, on_delete=models.SET_NULL)
    form_name = models.CharField(max_length=100, blank=True, default="")
    wording = models.TextField(blank=True, default="")
    wording_version = models.PositiveIntegerField(default=1)
    list_ids = models.JSONField(default=list)
    declined_topics = models.JSONField(default=list)
    answers = models.JSONField(default=dict)
    network = models.CharField(max_length=64, blank=True, default="")
    asked_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    mails = models.PositiveSmallIntegerField("confirmations sent", default=0)
    last_mail_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_network = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["expires_at"], name="consent_open", condition=models.Q(confirmed_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"consent {self.pk} of lead {self.lead_id}"
