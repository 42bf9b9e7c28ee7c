"""Breakdowns: counted once, whatever happens in between, and equal to the campaign's own numbers."""

from __future__ import annotations

import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from campaigns.models import Campaign, Lead
from delivery import unknown
from delivery.dead import change as dead_change
from delivery.dead.rows import Key, Source
from delivery.models import Batch, DeadDecision, Email
from delivery.numbers import campaign_numbers
from tests.integration.delivery.ledger_house import sent_campaign
from tracking import dimensions, rollups
from tracking.models import (
    Breakdown,
    EmailChange,
    Event,
    LinkClick,
    LinkRollup,
    MinuteRollup,
    QuarterRollup,
    ReportSettings,
    RetentionDrop,
)
from tracking.models.breakdown import FIRST_COLUMNS, STATUS_COLUMNS
from tracking.occurrence import Occurrence, happened
from tracking.record import record
from tracking.retention.pieces import EMAILS
from tracking.roll import Rolled, count_anew, roll_up

pytestmark = pytest.mark.django_db

STATUSES = (
    "sent", "sent", "sent", "bounced_hard", "bounced_soft", "deferred", "dead", "dead", "skipped", "unknown", "failed",
)  # fmt: skip


@pytest.fixture(autouse=True)
def chosen_attributes() -> Iterator[None]:
    ReportSettings.objects.create(pk=1, attributes=["plan"])
    dimensions.forget()
    yield
    dimensions.forget()


@pytest.fixture
def campaign() -> Campaign:
    made = sent_campaign(STATUSES)
    Campaign.objects.filter(pk=made.pk).update(launched_at=dt.datetime.now(dt.UTC))
    for number, lead in enumerate(Lead.objects.filter(email__startswith="reader").order_by("id")):
        if number % 2:
            lead.email, lead.mailbox_group = f"reader{number}@gmail.com", "gmail"
        lead.attributes = {"country": "FR" if number % 3 else "DE", "plan": "pro"}
        lead.save()
    connection.cursor().execute("UPDATE delivery_email SET provider_id = 1 + lead_id %% 2", [])
    return made


def leads_of(campaign: Campaign) -> list[int]:
    return list(Email.objects.filter(campaign_id=campaign.pk).order_by("lead_id").values_list("lead_id", flat=True))


def sums(campaign: Campaign, dimension: str) -> dict[str, int]:
    totals = {name: Sum(name) for name in (*STATUS_COLUMNS, *FIRST_COLUMNS)}
    return Breakdown.objects.filter(campaign_id=campaign.pk, dimension=dimension).aggregate(**totals)


def assert_adds_up(campaign: Campaign) -> None:
    """Every dimension's sums are the campaign's numbers, and the minutes have every e-mail that stands as sent."""
    numbers = campaign_numbers(campaign.pk)
    campaign.refresh_from_db()
    for dimension in dimensions.names():
        found = sums(campaign, dimension)
        found["bounced"] = found.pop("bounced_hard") + found.pop("bounced_soft")
        expected = {name: getattr(numbers, name) for name in found if hasattr(numbers, name)}
        expected |= {name: getattr(campaign, name) for name in FIRST_COLUMNS}
        assert found == expected, dimension
    minutes = MinuteRollup.objects.filter(campaign_id=campaign.pk, kind="sent").aggregate(n=Sum("count"))["n"]
    assert minutes == numbers.sent
    assert_quarters_are_those_of_the_minutes()


def assert_quarters_are_those_of_the_minutes() -> None:
    expected: Counter[tuple[object, ...]] = Counter()
    for campaign_id, minute, kind, who, count in MinuteRollup.objects.values_list():
        expected[campaign_id, minute.replace(minute=minute.minute // 15 * 15), kind, who] += count
    found = {tuple(key): count for *key, count in QuarterRollup.objects.values_list()}
    assert found == expected


def opened_and_clicked(campaign: Campaign, lead_id: int) -> list[Occurrence]:
    at = dt.datetime.now(dt.UTC)
    about = {"campaign_id": campaign.pk, "lead_id": lead_id, "at": at}
    return [
        happened("open", **about),
        happened("open", **about),
        happened("click", link_number=1, **about),
        happened("click", link_number=1, who="machine", **about),
        happened("unsubscribe", **about),
    ]


def test_every_dimension_adds_up_to_the_campaign(campaign: Campaign) -> None:
    assert roll_up(seconds=5).batches == 1
    assert_adds_up(campaign)
    domains = dict(
        Breakdown.objects.filter(campaign_id=campaign.pk, dimension="domain").values_list("value", "bounced_hard")
    )
    assert domains == {"example.com": 0, "gmail.com": 1}
    countries = Breakdown.objects.filter(campaign_id=campaign.pk, dimension="country").values_list("value", flat=True)
    assert set(countries) == {"FR", "DE"}


def test_a_batch_is_counted_once(campaign: Campaign) -> None:
    roll_up(seconds=5)
    assert roll_up(seconds=5) == Rolled()
    assert_adds_up(campaign)


def test_an_unfinished_batch_waits(campaign: Campaign) -> None:
    Batch.objects.update(state="leased")
    roll_up(seconds=5)
    assert not Breakdown.objects.exists()
    Batch.objects.update(state="done")
    roll_up(seconds=5)
    assert_adds_up(campaign)


def test_what_changes_later_is_counted_whoever_changes_it(campaign: Campaign) -> None:
    leads = leads_of(campaign)
    roll_up(seconds=5)
    record(opened_and_clicked(campaign, leads[0]))
    record(opened_and_clicked(campaign, leads[0]))
    record([happened("open", campaign_id=campaign.pk, lead_id=leads[9])])  # proves that an unknown one arrived
    dead_change.change(Source.EMAILS, DeadDecision.Action.REQUEUE, [Key(campaign.pk, leads[6])])
    dead_change.change(Source.EMAILS, DeadDecision.Action.DISCARD, [Key(campaign.pk, leads[7])])
    roll_up(seconds=5)
    assert_adds_up(campaign)
    assert sums(campaign, "domain")["opened"] == 2
    assert sums(campaign, "domain")["dead"] == 0
    assert not EmailChange.objects.exists()


def test_a_change_before_its_batch_is_counted_is_not_counted_twice(campaign: Campaign) -> None:
    Batch.objects.update(state="leased")
    leads = leads_of(campaign)
    record(opened_and_clicked(campaign, leads[0]))
    roll_up(seconds=5)
    assert not Breakdown.objects.filter(opened__gt=0).exists()
    record(opened_and_clicked(campaign, leads[1]))
    Batch.objects.update(state="done")
    roll_up(seconds=5)
    unknown.mark_sent(campaign_id=campaign.pk, rows=[], by=None)
    assert_adds_up(campaign)
    assert sums(campaign, "variant")["opened"] == 2


def test_events_by_value_are_told_apart_by_who(campaign: Campaign) -> None:
    leads = leads_of(campaign)
    record(opened_and_clicked(campaign, leads[1]))
    found = Breakdown.objects.get(campaign_id=campaign.pk, dimension="domain", value="gmail.com")
    assert (found.open_human, found.click_human, found.click_machine) == (2, 1, 1)
    assert Breakdown.objects.get(dimension="attribute:plan", value="pro").open_human == 2


def test_a_lead_that_was_erased_is_counted_without_a_domain(campaign: Campaign) -> None:
    leads = leads_of(campaign)
    Lead.objects.get(pk=leads[0]).delete()
    roll_up(seconds=5)
    assert_adds_up(campaign)
    assert Breakdown.objects.get(campaign_id=campaign.pk, dimension="domain", value="").sent == 1


def test_counting_anew_changes_nothing_but_mistakes(campaign: Campaign) -> None:
    roll_up(seconds=5)
    Breakdown.objects.update(sent=1000)
    count_anew([campaign.pk])
    roll_up(seconds=5)
    assert_adds_up(campaign)


def test_a_command_counts_anew_and_leaves_alone_what_retention_has_dropped(campaign: Campaign) -> None:
    roll_up(seconds=5)
    Breakdown.objects.update(sent=1000)
    out = io.StringIO()
    call_command("rebuild_rollups", "--all", stdout=out)
    assert "1 of 1 campaigns are counted anew: 1 batches" in out.getvalue()
    assert_adds_up(campaign)
    now = dt.datetime.now(dt.UTC)
    RetentionDrop.objects.create(
        kind=EMAILS,
        partition="delivery_email_b0",
        oid=1,
        size_bytes=0,
        low=campaign.pk,
        high=campaign.pk + 1,
        begun_at=now,
    )
    connection.cursor().execute("DELETE FROM delivery_email")
    call_command("rebuild_rollups", str(campaign.pk), stdout=out)
    assert sums(campaign, "domain")["sent"] == 3
    with pytest.raises(CommandError, match="--all"):
        call_command("rebuild_rollups")


def test_quarters_of_an_hour_are_added_up_anew_from_minutes(campaign: Campaign) -> None:
    roll_up(seconds=5)
    at = dt.datetime.now(dt.UTC).replace(minute=14, second=59)
    about = {"campaign_id": campaign.pk, "lead_id": leads_of(campaign)[0]}
    record([happened("open", at=at + dt.timedelta(minutes=n), **about) for n in range(40)])
    assert_quarters_are_those_of_the_minutes()
    assert len({quarter for _, quarter, kind, *_ in QuarterRollup.objects.values_list() if kind == "open"}) == 4
    QuarterRollup.objects.filter(kind="open").update(count=1)
    QuarterRollup.objects.filter(kind="sent").delete()
    call_command("rebuild_rollups", str(campaign.pk), stdout=io.StringIO())
    assert_adds_up(campaign)


def test_events_move_to_whom_todays_rules_say(campaign: Campaign) -> None:
    lead_id = leads_of(campaign)[1]
    click = happened("click", campaign_id=campaign.pk, lead_id=lead_id, link_number=3)
    record([click])
    Event.objects.filter(id=click.id).update(who="machine")
    rollups.move([(click, "machine")])
    links = dict(LinkRollup.objects.filter(campaign_id=campaign.pk).values_list("who", "count"))
    assert links == {"human": 0, "machine": 1}
    assert LinkRollup.objects.get(who="human").leads == 0
    assert not LinkClick.objects.exists()
    minutes = dict(MinuteRollup.objects.filter(campaign_id=campaign.pk, kind="click").values_list("who", "count"))
    assert minutes == {"human": 0, "machine": 1}
    assert_quarters_are_those_of_the_minutes()
    found = Breakdown.objects.get(campaign_id=campaign.pk, dimension="domain", value="gmail.com")
    assert (found.click_human, found.click_machine) == (0, 1)

    Event.objects.filter(id=click.id).update(who="human")
    rollups.move([(click._replace(who="machine"), "human")])
    assert (LinkRollup.objects.get(who="human").leads, LinkRollup.objects.get(who="machine").count) == (1, 0)


def test_why_leads_did_not_get_it_is_counted_by_reason(campaign: Campaign) -> None:
    leads = leads_of(campaign)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET reply = 'unsubscribed' WHERE status = 'skipped'")
        cursor.execute("UPDATE delivery_email SET code = 550, enhanced = '5.1.1' WHERE status = 'bounced_hard'")
    roll_up(seconds=5)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET code = 451 WHERE lead_id = %s", [leads[5]])
    roll_up(seconds=5)
    reasons = Breakdown.objects.filter(dimension="reason").exclude(value="").values_list("value", flat=True)
    assert set(reasons) == {"unsubscribed", "550 5.1.1", "451"}
    assert_adds_up(campaign)


def test_a_value_with_many_leads_is_big_when_it_has_them(db: None) -> None:
    campaign = sent_campaign(["sent"] * 49 + ["failed"])
    roll_up(seconds=5)
    assert Breakdown.objects.get(campaign_id=campaign.pk, dimension="domain").is_big
    assert dict(Breakdown.objects.filter(dimension="reason").values_list("value", "is_big")) == {"": True}
