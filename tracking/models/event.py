"""Everything that came back, one row an event, partitioned by month.

The table is made by a migration in SQL; rows are written by `tracking.record` alone.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Event(models.Model):
    """One open, click, unsubscribe, … of one e-mail. `at` and `id` are given when it happens, and identify it.

    campaign_id with lead_id, or message_id, says which e-mail. network: the caller's /24 or /48, never the address.
    """

    class Kind(models.TextChoices):
        OPEN = "open", "Open"
        CLICK = "click", "Click"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribe"
        RESUBSCRIBE = "resubscribe", "Resubscribe"
        COMPLAINT = "complaint", "Complaint"
        BOUNCE = "bounce", "Bounce"
        REJECTED = "rejected", "Rejected"
        DEFERRED = "deferred", "Deferred"
        DELIVERED = "delivered", "Delivered"

    class Who(models.TextChoices):
        HUMAN = "human", "A person"
        MACHINE = "machine", "A machine"
        UNSURE = "unsure", "Unsure"

    pk = models.CompositePrimaryKey("at", "id")
    at = models.DateTimeField()
    id = models.UUIDField()
    # when it was written down: what reads on behind a position goes by this, for events come late
    recorded_at = models.DateTimeField(db_default=Now())
    kind = models.TextField(choices=Kind.choices)
    campaign_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    lead_id = models.BigIntegerField(null=True)
    provider_id = models.IntegerField(null=True)
    link_number = models.SmallIntegerField(null=True)
    who = models.TextField(choices=Who.choices)
    who_reason = models.TextField()
    user_agent = models.TextField()
    network = models.TextField()
    data = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "tracking_event"

    def __str__(self) -> str:
        return f"{self.kind} of {self.campaign_id or self.message_id}/{self.lead_id} at {self.at}"
