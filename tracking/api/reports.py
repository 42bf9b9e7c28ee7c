"""What came back from a campaign."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from campaigns.api import etags
from campaigns.api.router import ApiRouter
from campaigns.api.schemas import Id
from tracking.reports import campaign_report

router = ApiRouter("campaigns")


class ByWhoOut(Schema):
    human: int
    machine: int = Field(description="Prefetching proxies and security scanners.")
    unsure: int


class LinkOut(Schema):
    number: int
    url: str
    label: str
    clicks: ByWhoOut
    leads: int = Field(description="Different people who clicked it.")


class HourOut(Schema):
    hour: dt.datetime
    opens: int
    clicks: int


class ReportOut(Schema):
    campaign_id: int
    name: str
    sent: int
    bounced: int
    opened: int = Field(description="Leads, each once, opens by people only.")
    clicked: int
    unsubscribed: int
    complained: int
    opens: ByWhoOut = Field(description="All opens, apart by who made them.")
    clicks: ByWhoOut
    links: list[LinkOut]
    hours: list[HourOut] = Field(description="Opens and clicks of people by the hour (UTC).")


@router.read("/{campaign_id}/report", response=ReportOut, etag=True)
def get_report(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Read a campaign's report.

    From roll-ups that are some seconds old.
    """
    return etags.answer(request, ReportOut.from_orm(campaign_report(campaign_id)))
