"""Making campaigns, their audience, and preflight."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from campaigns.content import Problem
from campaigns.models import Campaign, Lead, ListMembership, MailingList, Segment
from campaigns.segments import CountTimedOut
from campaigns.services import preflight as preflight_module
from campaigns.services.audience import audience_count, audience_sql
from campaigns.services.campaigns import CampaignInvalid, create_campaign, load_feed
from campaigns.services.preflight import preflight, register_check

pytestmark = pytest.mark.django_db
BODY = '<p>Hello {{ lead.first_name }}</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>'
DE = {"field": "language", "op": "is", "value": "de"}


@pytest.fixture(autouse=True)
def own_checks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the layers above add is theirs to test."""
    monkeypatch.setattr(preflight_module, "_checks", [])


def make(**fields: Any) -> Campaign:
    given = {"name": "Spring", "subject": "Hello", "sender": "Anna <anna@example.com>", "body": BODY, "segment": {}}
    return create_campaign(**{**given, "body_format": "html", **fields})


def refused(**fields: Any) -> list[str]:
    with pytest.raises(CampaignInvalid) as caught:
        make(**fields)
    assert not Campaign.objects.exists()
    assert not Segment.objects.exists()
    return [str(problem) for problem in caught.value.problems]


def audience_of(campaign: Campaign) -> set[tuple[int, str, str]]:
    sql, params = audience_sql(campaign)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return set(cursor.fetchall())


def test_a_campaign_is_a_saved_draft() -> None:
    campaign = make(preheader="Inside", text="Bye {{ unsubscribe_url }}", reply_to="help@example.com", priority=9)
    stored = Campaign.objects.get(pk=campaign.pk)
    assert (stored.state, stored.from_name, stored.from_email) == ("draft", "Anna", "anna@example.com")
    assert (stored.preheader, stored.reply_to, stored.priority) == ("Inside", "help@example.com", 9)
    assert stored.segment is not None
    assert (stored.segment.name, stored.segment.condition) == ("Spring", {})


def test_segments_made_for_campaigns_have_names_of_their_own() -> None:
    names = [make().segment.name for _ in range(3)]  # type: ignore[union-attr]
    assert names == ["Spring", "Spring (2)", "Spring (3)"]
    long_names = [make(name="x" * 150).segment.name for _ in range(2)]  # type: ignore[union-attr]
    assert long_names == ["x" * 100, "x" * 96 + " (2)"]


def test_a_saved_segment_is_used_as_it_is() -> None:
    segment = Segment.objects.create(name="Germans", condition=DE)
    assert make(segment=segment).segment == segment
    assert Segment.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"sender": "Anna"}, ["Error in the sender: 'Anna' is not an e-mail address"]),
        ({"subject": "Hello\r\nBcc: x@example.com"}, ["line 1, column 1: the subject must be one line"]),
        ({"subject": " "}, ["Error in the subject, line 1, column 1: the subject is empty"]),
        ({"body": "<p>Hello</p>"}, ["Error in the body, line 1, column 1: missing unsubscribe link"]),
        ({"body": BODY + "\n{{ lead.frist_name }}"}, ["line 2, column 4: unknown merge tag lead.frist_name"]),
        ({"body": BODY + "\x00"}, ["there is a NUL or a broken character here"]),
        ({"segment": None}, ["Error in the audience: nobody is chosen to send to: choose a segment or a list"]),
        ({"segment": {"all": [{**DE, "field": "langauge"}, {**DE, "op": "?"}]}},
         ["the audience: all[0]: unknown field 'langauge'; did you mean language?", "all[1]: 'language' has no"]),
        ({"sender": "x", "subject": "", "segment": None},
         ["Error in the sender", "Error in the subject", "Error in the audience"]),
    ],
)  # fmt: skip
def test_every_error_is_named_and_nothing_is_made(fields: dict[str, Any], errors: list[str]) -> None:
    found = refused(**fields)
    assert len(found) == len(errors)
    assert all(wanted in error for wanted, error in zip(errors, found, strict=True))


def test_a_segment_and_a_list_together_are_refused() -> None:
    mailing_list = MailingList.objects.create(name="News")
    assert refused(mailing_list=mailing_list) == ["Error in the audience: choose a segment or a list, not both"]


def test_the_audience_of_a_segment_is_its_leads_whatever_their_status() -> None:
    wanted = Lead.objects.create(email="a@gmail.com", language="de", status="bounced")
    Lead.objects.create(email="b@example.com", language="fr")
    campaign = make(segment=DE)
    assert audience_of(campaign) == {(wanted.pk, "gmail", "")}
    assert audience_count(campaign) == 1


def test_the_audience_of_a_list_leaves_out_only_unconfirmed_members() -> None:
    news = MailingList.objects.create(name="News")
    leads = {}
    for status in ListMembership.Status.values:
        leads[status] = Lead.objects.create(email=f"{status}@example.com")
        ListMembership.objects.create(lead=leads[status], mailing_list=news, status=status)
    Lead.objects.create(email="outside@example.com")
    campaign = make(segment=None, mailing_list=news)
    assert audience_of(campaign) == {(leads["subscribed"].pk, "other", ""), (leads["unsubscribed"].pk, "other", "")}
    assert audience_count(campaign) == 2


def test_a_campaign_for_nobody_has_no_audience() -> None:
    with pytest.raises(CampaignInvalid, match="choose a segment or a list"):
        audience_sql(Campaign(name="x"))
    with pytest.raises(CampaignInvalid, match="unknown field"):
        audience_sql(Campaign(segment=Segment(condition={"field": "nope", "op": "is", "value": 1})))


def test_preflight_of_a_good_campaign_has_nothing_to_say() -> None:
    Lead.objects.create(email="a@example.com")
    assert preflight(make()) == []


def test_preflight_warns_of_an_empty_audience() -> None:
    (problem,) = preflight(make())
    assert str(problem) == "Warning in the audience: nobody is in it now; the campaign would be over at once"
    assert not problem.is_error


def test_preflight_says_when_the_audience_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: Campaign) -> bool:
        raise CountTimedOut("slow")

    campaign = make()
    monkeypatch.setattr(preflight_module, "audience_is_empty", slow)
    (problem,) = preflight(campaign)
    assert (problem.severity, problem.code) == ("warning", "slow-audience")


def test_preflight_finds_what_went_wrong_after_the_draft_was_saved() -> None:
    Lead.objects.create(email="a@example.com")
    campaign = make()
    Campaign.objects.filter(pk=campaign.pk).update(body="<p></p>", from_email="", subject="a\nb")
    Segment.objects.update(condition={"field": "nope", "op": "is", "value": 1})
    problems = preflight(Campaign.objects.get(pk=campaign.pk))
    assert {problem.code for problem in problems} == {
        "missing-unsubscribe", "from-address", "line-break", "segment-invalid",
    }  # fmt: skip


def test_preflight_warns_of_a_feed_that_is_not_loaded() -> None:
    lead = Lead.objects.create(email="a@example.com")
    campaign = make(body=BODY + "{% comment %}{{ feed.y }}{% endcomment %}{{ feed.points }}")
    (problem,) = preflight(campaign)
    assert (problem.severity, problem.code) == ("warning", "no-feed")
    load_feed(campaign_id=campaign.pk, lines=[f'{{"lead_id": {lead.pk}, "points": 5}}'])
    assert preflight(campaign) == []


@pytest.fixture
def strict_check() -> None:
    def check(campaign: Campaign) -> list[Problem]:
        return [Problem("error", "no-provider", f"no provider for {campaign.name}", "delivery")]

    register_check(check)
    register_check(check)


def test_layers_above_add_checks_and_errors_come_first(strict_check: None) -> None:
    assert [str(problem) for problem in preflight(make())] == [
        "Error in the delivery set-up: no provider for Spring",
        "Warning in the audience: nobody is in it now; the campaign would be over at once",
    ]
