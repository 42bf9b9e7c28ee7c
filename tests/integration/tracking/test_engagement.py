"""Engagement in segments through its front doors: the segment page, the drain, the command, the erasing of a lead."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from campaigns import segments
from campaigns.leads.erase import erase_lead
from campaigns.models import Campaign, Segment
from tests.integration.tracking.conftest import FIREFOX, MakeSent, Sent
from tests.people import boss
from tracking import engagement
from tracking.consume import drain
from tracking.models import CampaignEngagement, Event, LeadEngagement
from tracking.occurrence import happened
from tracking.record import record

pytestmark = pytest.mark.django_db
CLICKED = {"field": "clicked", "op": "did", "value": {"campaign": "any", "days": 30}}


def count(condition: Any) -> str:
    return boss().post(reverse("admin:campaigns_segment_count"), {"condition": json.dumps(condition)}).content.decode()


def test_an_open_in_the_mailbox_is_in_the_segment_after_the_drain(client, make_sent: MakeSent) -> None:
    sent = make_sent(leads=3)
    opened = {"field": "opened", "op": "did", "value": {"campaign": sent.campaign.pk}}
    assert segments.count(opened) == 0
    client.get(f"/o/{sent.tokens(1).open}.gif", headers={"user-agent": FIREFOX})
    drain()
    assert [lead.pk for lead in segments.sample(opened)] == [sent.leads[1].pk]
    assert segments.count({"not": opened}) == 2
    assert segments.count({"field": "opened", "op": "did_not", "value": {"campaign": {"last": 3}, "days": 7}}) == 2


def test_the_page_says_and_counts_a_condition(make_sent: MakeSent) -> None:
    sent = make_sent(leads=2)
    record([happened("click", campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk, link_number=1)])
    page = count({"all": [CLICKED, {"field": "sent", "op": "did", "value": {"campaign": sent.campaign.pk}}]})
    assert "the lead clicked in any campaign in the last 30 days" in page
    assert "the lead was sent the campaign “Spring”" in page
    assert '<span class="mm-figure">1</span> lead' in page


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("opened", 12, "must be an object such as"),
        ("opened", {"campain": 1}, "did you mean campaign?"),
        ("opened", {"campaign": 999_999}, "there is no campaign with the id 999999"),
        ("opened", {"campaign": "Spring"}, "must be the id of a campaign"),
        ("opened", {"campaign": True}, "must be the id of a campaign"),
        ("opened", {"campaign": {"last": 0}}, "from 1 to 100"),
        ("opened", {"campaign": {"first": 2}}, "from 1 to 100"),
        ("opened", {"days": 0}, "days must be a whole number from 1"),
        ("opened", {"days": "30"}, "days must be a whole number from 1"),
        ("opened", {"who": "people"}, "who must be"),
        ("sent", {"who": "all"}, "counts for opened and clicked only"),
    ],
)
def test_a_mistake_names_its_place_and_its_cure(field: str, value: Any, words: str) -> None:
    with pytest.raises(segments.SegmentInvalid) as caught:
        segments.validate({"all": [CLICKED, {"field": field, "op": "did", "value": value}]})
    (error,) = caught.value.errors
    assert error.path == "all[1]"
    assert words in error.message


def test_a_machine_counts_only_where_machines_are_asked_for(sent: Sent) -> None:
    about = {"campaign_id": sent.campaign.pk, "lead_id": sent.leads[0].pk}
    record([happened("open", who="machine", **about), happened("open", who="unsure", **about)])
    opened = {"field": "opened", "op": "did", "value": {"campaign": "any"}}
    assert segments.count(opened) == 0
    assert segments.count({**opened, "value": {"campaign": "any", "who": "all"}}) == 1


def test_a_second_record_and_a_late_event_change_nothing(sent: Sent) -> None:
    about = {"campaign_id": sent.campaign.pk, "lead_id": sent.leads[0].pk}
    now = dt.datetime.now(dt.UTC)
    record([happened("open", at=now, **about)])
    record([happened("open", at=now - dt.timedelta(minutes=9), **about)])
    assert CampaignEngagement.objects.get().opened_at == LeadEngagement.objects.get().opened_at == now


def test_a_time_moves_on_but_not_for_minutes(sent: Sent) -> None:
    about = {"campaign_id": sent.campaign.pk, "lead_id": sent.leads[0].pk}
    now = dt.datetime.now(dt.UTC)
    for minutes, kept in ((60, 60), (55, 60), (49, 49), (0, 0)):
        record([happened("open", at=now - dt.timedelta(minutes=minutes), **about)])
        for model in (CampaignEngagement, LeadEngagement):
            assert model.objects.get().opened_at == now - dt.timedelta(minutes=kept)


def test_the_command_fills_what_events_tell(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    about = {"campaign_id": sent.campaign.pk, "lead_id": sent.leads[0].pk}
    record([happened("open", **about), happened("click", link_number=1, **about)])
    before = [list(model.objects.values()) for model in (CampaignEngagement, LeadEngagement)]
    CampaignEngagement.objects.all().delete()
    LeadEngagement.objects.all().delete()
    call_command("rebuild_engagement")
    call_command("rebuild_engagement")
    assert [list(model.objects.values()) for model in (CampaignEngagement, LeadEngagement)] == before
    assert "up to date for 1 lead ids" in capsys.readouterr().out


def test_times_older_than_the_kept_events_survive_a_new_judgement(sent: Sent) -> None:
    about = {"campaign_id": sent.campaign.pk, "lead_id": sent.leads[0].pk}
    record([happened("open", **about)])
    old = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    CampaignEngagement.objects.update(clicked_at=old)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tracking_event SET who = 'machine'")
    engagement.recompute(sent.campaign.pk, [sent.leads[0].pk])
    row = CampaignEngagement.objects.get()
    assert (row.opened_at, row.clicked_at) == (None, old)
    assert row.opened_any_at is not None
    assert Event.objects.count() == 1


def test_an_erased_lead_leaves_nothing(sent: Sent) -> None:
    record([happened("open", campaign_id=sent.campaign.pk, lead_id=sent.leads[0].pk)])
    erase_lead(sent.leads[0].pk)
    assert not CampaignEngagement.objects.exists()
    assert not LeadEngagement.objects.exists()


def test_only_campaigns_that_moved_are_read(sent: Sent) -> None:
    """ "Sent anything in 7 days" reads the ledger of the campaigns whose numbers moved since then, by their keys."""
    old = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    about = {"subject": "s", "from_email": "a@b.example", "body": "", "state": "sent"}
    Campaign.objects.create(name="Old", launched_at=old, counted_at=old, **about)
    late = Campaign.objects.create(name="Late", launched_at=old, counted_at=dt.datetime.now(dt.UTC), **about)
    query = segments.compile_condition({"field": "sent", "op": "did", "value": {"campaign": "any", "days": 7}})
    assert query.params[0] == [sent.campaign.pk, late.pk]


def test_a_saved_segment_of_engagement_is_a_campaigns_audience(sent: Sent) -> None:
    response = boss().post(
        reverse("admin:campaigns_segment_add"), {"name": "Clickers", "condition": json.dumps({"all": [CLICKED]})}
    )
    assert response.status_code == 302
    assert Segment.objects.get().condition == {"all": [CLICKED]}
