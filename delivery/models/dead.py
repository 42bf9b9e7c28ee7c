"""What people decided about dead letters; a decision about very many is carried out in the background."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class DeadDecision(models.Model):
    """One decision: to try dead letters again, or to close them.

    criteria: the filter, as `DeadFilter.as_dict` gives it. keys: the letters that were chosen by hand, empty where the
    filter chose them: "campaign:lead" in the ledger, the id of a message.
    changed: letters that were changed. looked: letters that were looked at. tally: changed letters by campaign id.
    at_campaign, at_id: where the work stands; it goes from high keys to low ones. at_campaign is not used for messages.
    """

    class Action(models.TextChoices):
        REQUEUE = "requeue", "Try again"
        DISCARD = "discard", "Discard"

    class Source(models.TextChoices):
        EMAILS = "emails", "Campaign e-mails"
        MESSAGES = "messages", "Transactional messages"

    class State(models.TextChoices):
        RUNNING = "running", "At work"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"

    action = models.CharField(max_length=8, choices=Action.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    criteria = models.JSONField(default=dict)
    keys = ArrayField(models.CharField(max_length=40), default=list)
    changed = models.PositiveIntegerField(default=0)
    looked = models.PositiveIntegerField(default=0)
    tally = models.JSONField(default=dict)
    at_campaign = models.BigIntegerField(null=True)
    at_id = models.BigIntegerField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    by_name = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    heartbeat_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "decision about dead letters"
        verbose_name_plural = "decisions about dead letters"
        indexes = [
            models.Index(fields=["heartbeat_at"], name="dead_decision_running", condition=models.Q(state="running"))
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.changed:,} {self.get_source_display().lower()}"
