"""Reports from roll-ups, and their box on the campaign's page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import RequestFactory

from campaigns.models import Campaign
from campaigns.panels import render_panels
from tests.integration.tracking.conftest import MakeSent, Sent
from tests.integration.tracking.test_report_pages import Asked
from tracking.consume import drain
from tracking.occurrence import happened
from tracking.record import record
from tracking.reports import ByWho, campaign_report


def fill(sent: Sent) -> None:
    """Two people open (one of them twice), one clicks two links in two hours, a scanner clicks, one leaves."""
    hour = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
    about = {"campaign_id": sent.campaign.pk}
    first, second, third = (lead.pk for lead in sent.leads[:3])
    record(
        [
            happened("open", lead_id=first, at=hour, **about),
            happened("open", lead_id=first, at=hour + dt.timedelta(minutes=5), **about),
            happened("open", lead_id=second, at=hour + dt.timedelta(minutes=5), **about),
            happened("open", lead_id=third, who="machine", at=hour, **about),
            happened("click", lead_id=first, link_number=1, at=hour, **about),
            happened("click", lead_id=first, link_number=2, at=hour + dt.timedelta(hours=1), **about),
            happened("click", lead_id=second, link_number=1, at=hour, **about),
            happened("click", lead_id=third, link_number=1, who="machine", at=hour, **about),
            happened("unsubscribe", lead_id=second, at=hour, **about),
        ]
    )


def test_a_report_tells_people_from_machines(make_sent: MakeSent) -> None:
    sent = make_sent(4)
    connection.cursor().execute("UPDATE delivery_email SET at = at - interval '1 day'")
    fill(sent)
    report = campaign_report(sent.campaign.pk)
    assert (report.sent, report.opened, report.clicked, report.unsubscribed, report.complained) == (4, 2, 2, 1, 0)
    assert report.opens == ByWho(human=3, machine=1)
    assert report.clicks == ByWho(human=3, machine=1)
    assert report.share(report.opened) == 50.0
    offer, yours = report.links[:2]
    assert (offer.number, offer.url, offer.clicks, offer.leads) == (
        1, "https://shop.example/offer?a=1", ByWho(human=2, machine=1), 2,
    )  # fmt: skip
    assert (yours.clicks.total, yours.leads) == (1, 1)
    assert [(hour.opens, hour.clicks) for hour in report.hours] == [(3, 2), (0, 1)]


def test_a_report_never_reads_the_ledger_or_the_events(make_sent: MakeSent) -> None:
    sent = make_sent(3)
    fill(sent)
    with Asked() as asked:
        campaign_report(sent.campaign.pk)
    text = " ".join(asked)
    assert "tracking_quarter" in text
    assert "tracking_minute" not in text
    assert "delivery_email" not in text
    assert "tracking_event" not in text
    assert sum("FROM " in statement for statement in asked) == 5


def test_a_campaign_nobody_opened_has_an_empty_report(make_sent: MakeSent) -> None:
    sent = make_sent(1)
    drain()
    report = campaign_report(sent.campaign.pk)
    assert (report.opens.total, report.hours, report.links[0].leads) == (0, (), 0)
    with pytest.raises(Campaign.DoesNotExist):
        campaign_report(0)


def test_the_campaigns_page_shows_what_came_back(make_sent: MakeSent) -> None:
    sent = make_sent(3)
    connection.cursor().execute("UPDATE delivery_email SET at = at - interval '1 day'")
    fill(sent)
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True)
    html = " ".join(render_panels(request, sent.refreshed()))
    assert "What came back" in html
    assert "https://shop.example/offer?a=1" in html
    assert "66.7 %" in html
    sent.campaign.state = Campaign.State.DRAFT
    sent.campaign.launched_at = None
    assert "What came back" not in " ".join(render_panels(request, sent.campaign))
