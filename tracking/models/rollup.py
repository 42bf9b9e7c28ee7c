"""Sums that reports read. No foreign keys: an event of a campaign that was deleted must not stop the drain."""

from __future__ import annotations

from django.db import models

from tracking.models.event import Event


class MinuteRollup(models.Model):
    """Events of one campaign in one minute. Every event counts, also a lead's second open."""

    pk = models.CompositePrimaryKey("campaign_id", "minute", "kind", "who")
    campaign_id = models.BigIntegerField()
    minute = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Event.Kind.choices)
    who = models.CharField(max_length=8, choices=Event.Who.choices)
    count = models.BigIntegerField()

    class Meta:
        db_table = "tracking_minute"

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.minute} {self.kind} by {self.who}: {self.count}"


class QuarterRollup(models.Model):
    """The sum of fifteen minutes of `MinuteRollup`, from `quarter` on, kept by whoever writes those.

    Every time zone's hours and days begin at a quarter of an hour, so that reports read a fifteenth of the rows.
    """

    pk = models.CompositePrimaryKey("campaign_id", "quarter", "kind", "who")
    campaign_id = models.BigIntegerField()
    quarter = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Event.Kind.choices)
    who = models.CharField(max_length=8, choices=Event.Who.choices)
    count = models.BigIntegerField()

    class Meta:
        db_table = "tracking_quarter"

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.quarter} {self.kind} by {self.who}: {self.count}"


class LinkRollup(models.Model):
    """Clicks on one link of one campaign. leads: different people, for `human` alone."""

    pk = models.CompositePrimaryKey("campaign_id", "link_number", "who")
    campaign_id = models.BigIntegerField()
    link_number = models.SmallIntegerField()
    who = models.CharField(max_length=8, choices=Event.Who.choices)
    count = models.BigIntegerField()
    leads = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "tracking_link"

    def __str__(self) -> str:
        return f"{self.campaign_id} link {self.link_number} by {self.who}: {self.count}"


class LinkClick(models.Model):
    """That a person clicked a link at all: what makes `LinkRollup.leads` countable without reading events."""

    pk = models.CompositePrimaryKey("campaign_id", "link_number", "lead_id")
    campaign_id = models.BigIntegerField()
    link_number = models.SmallIntegerField()
    lead_id = models.BigIntegerField()

    class Meta:
        db_table = "tracking_link_click"

    def __str__(self) -> str:
        return f"{self.campaign_id} link {self.link_number} by lead {self.lead_id}"
