"""Loading feeds into the database."""

from __future__ import annotations

import pytest

from campaigns.models import Campaign, FeedEntry, Lead
from campaigns.services.campaigns import BadLine, FeedInvalid, load_feed
from campaigns.services.errors import StateConflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(db: None) -> Campaign:
    return Campaign.objects.create(name="Spring", subject="x", from_email="a@example.com", body="x")


@pytest.fixture
def leads(db: None) -> list[Lead]:
    return Lead.objects.bulk_create(Lead(email=f"p{number}@example.com") for number in range(3))


def entries(campaign: Campaign) -> dict[int, object]:
    return dict(FeedEntry.objects.filter(campaign=campaign).values_list("lead_id", "data"))


def test_good_lines_are_loaded_and_bad_ones_reported_by_number(campaign: Campaign, leads: list[Lead]) -> None:
    lines = [
        '{"email": "P0@example.com", "points": 1}\n',
        "broken\n",
        f'{{"lead_id": {leads[1].pk}, "name": "it\'s\\t\\\\ ü"}}\n',
        '{"email": "nobody@example.com"}\n',
        '{"lead_id": 999999999}\n',
        f'{{"lead_id": {leads[0].pk}, "points": 2}}\n',
    ]
    result = load_feed(campaign_id=campaign.pk, lines=lines)
    assert entries(campaign) == {leads[0].pk: {"points": 2}, leads[1].pk: {"name": "it's\t\\ ü"}}
    assert (result.loaded, result.repeated, result.bad_count, result.unknown_count) == (2, 1, 1, 2)
    assert result.bad == [BadLine(2, "not JSON: Expecting value at column 1")]
    assert result.unknown == [
        BadLine(4, "there is no lead nobody@example.com"),
        BadLine(5, "there is no lead 999999999"),
    ]


def test_csv_is_read_too(campaign: Campaign, leads: list[Lead]) -> None:
    result = load_feed(campaign_id=campaign.pk, lines=["email;code\n", "p2@example.com;X1\n"])
    assert entries(campaign) == {leads[2].pk: {"code": "X1"}}
    assert result.loaded == 1


def test_loading_again_replaces_the_same_leads_only(campaign: Campaign, leads: list[Lead]) -> None:
    first = [f'{{"lead_id": {lead.pk}, "n": 1}}' for lead in leads]
    load_feed(campaign_id=campaign.pk, lines=first)
    load_feed(campaign_id=campaign.pk, lines=[f'{{"lead_id": {leads[0].pk}, "n": 2}}'])
    assert [entries(campaign)[lead.pk] for lead in leads] == [{"n": 2}, {"n": 1}, {"n": 1}]


def test_a_feed_that_cannot_be_read_changes_nothing(campaign: Campaign, leads: list[Lead]) -> None:
    load_feed(campaign_id=campaign.pk, lines=[f'{{"lead_id": {leads[0].pk}, "n": 1}}'])
    with pytest.raises(FeedInvalid, match="one of them must be email or lead_id"):
        load_feed(campaign_id=campaign.pk, lines=["name\n", "x\n"])

    def stops() -> object:
        yield f'{{"lead_id": {leads[1].pk}}}\n'
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        load_feed(campaign_id=campaign.pk, lines=stops())  # type: ignore[arg-type]
    assert entries(campaign) == {leads[0].pk: {"n": 1}}


@pytest.mark.parametrize("state", ["launching", "sending", "paused", "sent", "cancelled"])
def test_a_launched_campaign_takes_no_feed(campaign: Campaign, state: str) -> None:
    Campaign.objects.update(state=state)
    with pytest.raises(StateConflict, match=f"“Spring” is {state}; a feed is loaded before it is launched"):
        load_feed(campaign_id=campaign.pk, lines=['{"lead_id": 1}'])


def test_only_a_thousand_bad_lines_are_named_but_all_are_counted(campaign: Campaign, leads: list[Lead]) -> None:
    good = f'{{"lead_id": {leads[0].pk}}}'
    result = load_feed(campaign_id=campaign.pk, lines=[good, *["x"] * 1500, *['{"lead_id": 999999999}'] * 1200])
    assert (result.bad_count, len(result.bad)) == (1500, 1000)
    assert (result.unknown_count, len(result.unknown), result.unknown[0].line) == (1200, 1000, 1502)
