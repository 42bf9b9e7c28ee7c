"""How opens and clicks are told apart: rules that operators see, add and switch off; and their use on stored events."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from tracking.models.event import Event
from tracking.who import Rule


class VisitorRule(models.Model):
    """One rule of `tracking.who`, looked at in the order of `position`. phrases, purposes: one a line, in lower case.

    Of a built-in rule only `position` and `is_active` are an operator's; the rest follows the version.
    """

    class Kind(models.TextChoices):
        BOTH = "", "Opens and clicks"
        OPEN = "open", "Opens"
        CLICK = "click", "Clicks"

    class Agent(models.TextChoices):
        ANY = "", "may be anything"
        CONTAINS = "contains", "contains one of"
        BEGINS = "begins", "begins with one of"
        IS = "is", "is one of"
        EMPTY = "empty", "is empty"

    class Method(models.TextChoices):
        ANY = "", "Any"
        GET = "GET", "GET"
        HEAD = "HEAD", "HEAD"

    class Claim(models.TextChoices):
        ANY = "", "Anything"
        MACHINE = "machine", "It was a machine"

    name = models.SlugField(max_length=40, unique=True)
    position = models.PositiveSmallIntegerField(default=55, help_text="Small numbers are looked at first.")
    is_active = models.BooleanField("active", default=True)
    who = models.CharField("then it was", max_length=8, choices=Event.Who.choices)
    reason = models.CharField(max_length=60)
    kind = models.CharField("of", max_length=8, choices=Kind.choices, blank=True, default="")
    agent = models.CharField("user agent", max_length=10, choices=Agent.choices, blank=True, default="")
    phrases = models.TextField(blank=True, default="")
    method = models.CharField("HTTP method", max_length=4, choices=Method.choices, blank=True, default="")
    purposes = models.TextField("purpose header contains", blank=True, default="")
    claim = models.CharField("the ESP says", max_length=8, choices=Claim.choices, blank=True, default="")
    within_seconds = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(3600)]
    )
    links = models.PositiveSmallIntegerField(
        "different links", null=True, blank=True, validators=[MinValueValidator(2), MaxValueValidator(50)]
    )
    is_built_in = models.BooleanField(default=False, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    CONDITIONS = (
        "who", "reason", "kind", "agent", "phrases", "method", "purposes", "claim", "within_seconds", "links",
        "is_built_in", "updated_at",
    )  # fmt: skip

    class Meta:
        ordering = ["position", "name"]
        verbose_name = "rule of opens and clicks"
        verbose_name_plural = "rules of opens and clicks"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def built_in(cls, rule: Rule, position: int) -> VisitorRule:
        """The row of a built-in rule, not saved."""
        return cls(
            name=rule.name, position=position, who=rule.who, reason=rule.reason, kind=rule.kind, agent=rule.agent,
            phrases="\n".join(rule.phrases), method=rule.method, purposes="\n".join(rule.purposes), claim=rule.claim,
            within_seconds=rule.within_seconds, links=rule.links, is_built_in=True,
        )  # fmt: skip

    def as_rule(self) -> Rule:
        return Rule(
            name=self.name, who=self.who, reason=self.reason, kind=self.kind, agent=self.agent,
            phrases=lines_of(self.phrases), method=self.method, purposes=lines_of(self.purposes), claim=self.claim,
            within_seconds=self.within_seconds, links=self.links,
        )  # fmt: skip


def lines_of(text: str) -> tuple[str, ...]:
    """One condition a line, in lower case; empty lines and space around them do not count."""
    return tuple(line.strip().lower() for line in text.splitlines() if line.strip())


class Reclassification(models.Model):
    """The rules applied again to stored opens and clicks: of one campaign or of all, from `since` on.

    at_cursor, id_cursor: the last event that was looked at; a run that was broken off goes on behind it.
    """

    campaign_id = models.BigIntegerField(null=True, blank=True)
    since = models.DateTimeField()
    at_cursor = models.DateTimeField(null=True)
    id_cursor = models.UUIDField(null=True)
    looked_at = models.BigIntegerField(default=0, db_default=0)
    changed = models.BigIntegerField(default=0, db_default=0)
    by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"campaign {self.campaign_id}" if self.campaign_id else "all campaigns"
