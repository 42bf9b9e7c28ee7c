"""Complaints that come back stop a campaign that still sends."""

from __future__ import annotations

import datetime as dt

import pytest

from campaigns.services.states import resume_campaign
from delivery import tasks
from delivery.models import Batch
from tests.integration.tracking.conftest import MakeSent
from tracking.occurrence import happened
from tracking.record import record

pytestmark = pytest.mark.django_db


def test_ten_complaints_pause_a_campaign_and_a_person_may_go_on(make_sent: MakeSent) -> None:
    sent = make_sent(leads=30)
    campaign = sent.campaign
    type(campaign).objects.filter(pk=campaign.pk).update(state="sending", finished_at=None)
    Batch.objects.create(campaign=campaign, seq=1, lead_ids=[1], size=5000, cursor=30, recorded=30, sent=30)

    def complain(first: int, last: int) -> str:
        now = dt.datetime.now(dt.UTC)
        about = [{"campaign_id": campaign.pk, "lead_id": lead.pk} for lead in sent.leads[first:last]]
        record([happened("complaint", at=now, **one) for one in about])
        tasks.refresh_counters()
        return str(sent.refreshed().state)

    assert complain(0, 9) == "sending"
    assert complain(9, 10) == "paused"
    assert "10 of the first 30 e-mails were marked as spam" in campaign.state_reason
    resume_campaign(campaign_id=campaign.pk)
    assert complain(10, 11) == "sending"
