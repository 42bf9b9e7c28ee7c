"""When leads last opened and clicked: what segments ask, kept small so that they need not read events.

No foreign keys: an event of a lead that was erased must not stop the drain. Written by `tracking.engagement` alone.
"""

from __future__ import annotations

from django.db import models


class LastTimes(models.Model):
    """The last time of each kind; None for never. The `any` ones count machines and the unsure too.

    No index holds them, so that most updates stay on their page.
    """

    opened_at = models.DateTimeField(null=True)
    opened_any_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    clicked_any_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class CampaignEngagement(LastTimes):
    """Of one lead in one campaign."""

    pk = models.CompositePrimaryKey("campaign_id", "lead_id")
    campaign_id = models.BigIntegerField()
    lead_id = models.BigIntegerField()

    class Meta:
        db_table = "tracking_campaignengagement"

    def __str__(self) -> str:
        return f"engagement of {self.campaign_id}/{self.lead_id}"


class LeadEngagement(LastTimes):
    """Of one lead over all campaigns; outlives the events and the ledger."""

    lead_id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "tracking_leadengagement"

    def __str__(self) -> str:
        return f"engagement of lead {self.lead_id}"
