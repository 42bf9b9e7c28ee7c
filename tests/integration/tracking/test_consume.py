"""From the stream into PostgreSQL: bulk, once each, whatever dies."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from pathlib import Path

import pytest
import redis
from django.db import connection
from django.db.models import Sum

from campaigns.alone import alone
from campaigns.models import Campaign
from delivery.models import Adjustment, Message
from delivery.numbers import recount
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, PostgresAway, Sent, drain_in_a_process
from tracking import consume, record, sql, stream, tasks
from tracking.consume import drain
from tracking.models import (
    AsideEvent,
    Breakdown,
    CampaignEngagement,
    Event,
    LinkClick,
    LinkRollup,
    MinuteRollup,
    ParkedEvent,
    WebhookDelivery,
    WebhookEndpoint,
)
from tracking.occurrence import Occurrence, happened
from tracking.source import GROUP

MINUTE_AGO = dt.timedelta(minutes=1)


def event(sent: Sent, kind: str = "open", n: int = 0, **about: object) -> Occurrence:
    return happened(kind, campaign_id=sent.campaign.pk, lead_id=sent.leads[n].pk, **about)


def put(*occurrences: Occurrence) -> None:
    for occurrence in occurrences:
        assert stream.append(occurrence)


def minutes(sent: Sent) -> dict[tuple[str, str], int]:
    rows = MinuteRollup.objects.filter(campaign_id=sent.campaign.pk).values_list("kind", "who").annotate(Sum("count"))
    return {(kind, who): count for kind, who, count in rows}


def due_now() -> None:
    ParkedEvent.objects.update(due_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


def test_opens_and_clicks_reach_table_ledger_rollups_and_campaign(
    make_sent: MakeSent, redis_client: redis.Redis
) -> None:
    sent = make_sent(3)
    first = event(sent)
    put(first, event(sent), event(sent, n=1), event(sent, "click", link_number=1), event(sent, "click", link_number=1))
    drained = drain()
    assert (drained.entries, drained.new, drained.parked, drained.aside) == (5, 5, 0, 0)
    assert Event.objects.count() == 5
    assert sent.row(0).opened_at == first.at
    assert [sent.row(n).opened_at is not None for n in range(3)] == [True, True, False]
    assert [sent.row(n).clicked_at is not None for n in range(3)] == [True, False, False]
    campaign = sent.refreshed()
    assert (campaign.opened, campaign.clicked) == (2, 1)
    assert minutes(sent) == {("open", "human"): 3, ("click", "human"): 2}
    link = LinkRollup.objects.get()
    assert (link.link_number, link.who, link.count, link.leads) == (1, "human", 2, 1)
    assert redis_client.xlen(stream.EVENTS) == 0
    assert redis_client.xpending(stream.EVENTS, GROUP)["pending"] == 0


def test_the_first_open_stays_the_first(sent: Sent) -> None:
    early, late = event(sent, at=dt.datetime.now(dt.UTC) - MINUTE_AGO), event(sent)
    put(late, early)
    drain()
    put(event(sent))
    drain()
    assert sent.row().opened_at == early.at
    assert sent.refreshed().opened == 1


def test_the_same_event_twice_is_recorded_once(sent: Sent) -> None:
    occurrence = event(sent, "click", link_number=1)
    put(occurrence, occurrence)
    drain()
    put(occurrence)
    assert drain().new == 0
    assert Event.objects.count() == 1
    assert minutes(sent) == {("click", "human"): 1}
    assert LinkRollup.objects.get().count == 1


def test_of_many_events_those_that_were_recorded_before_are_not_recorded_again(make_sent: MakeSent) -> None:
    sent = make_sent(10)
    before = [event(sent, n=n % 10) for n in range(record.STRAIGHT_FROM)]
    put(*before)
    assert drain().new == len(before)
    put(*before, *(event(sent, "click", n, link_number=1) for n in range(10)))
    drained = drain()
    assert (drained.new, drained.aside) == (10, 0)
    assert minutes(sent) == {("open", "human"): len(before), ("click", "human"): 10}
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (10, 10)


def test_machines_are_kept_apart_and_fill_no_field(sent: Sent) -> None:
    put(event(sent, who="machine"), event(sent, who="unsure"), event(sent, "click", link_number=1, who="machine"))
    drain()
    assert sent.row().opened_at is None
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (0, 0)
    assert minutes(sent) == {("open", "machine"): 1, ("open", "unsure"): 1, ("click", "machine"): 1}
    assert not LinkClick.objects.exists()


def test_what_only_the_ledger_and_the_neighbours_tell_is_told(make_sent: MakeSent) -> None:
    sent = make_sent(3, delivered=False)
    sent.deliver(0, ago=dt.timedelta(seconds=1))
    sent.deliver(1, 2)
    put(event(sent, "click", 0, link_number=1), event(sent, "open", 0))
    put(*(event(sent, "click", 1, link_number=number) for number in (1, 2, 3)))
    put(event(sent, "click", 2, link_number=1))
    drain()
    found = Counter(Event.objects.values_list("lead_id", "kind", "who", "who_reason"))
    assert found == {
        (sent.leads[0].pk, "click", "machine", "under 3 s after delivery"): 1,
        (sent.leads[0].pk, "open", "human", ""): 1,
        (sent.leads[1].pk, "click", "machine", "three links within 2 s"): 3,
        (sent.leads[2].pk, "click", "human", ""): 1,
    }
    assert sent.refreshed().clicked == 1


@pytest.mark.parametrize(
    ("kind", "who"), [("open", "human"), ("open", "machine"), ("click", "unsure"), ("delivered", "machine")]
)
def test_an_event_proves_that_an_unknown_e_mail_was_sent(make_sent: MakeSent, kind: str, who: str) -> None:
    sent = make_sent(2, delivered=False)
    sent.deliver(0, 1, status="unknown")
    about = {"link_number": 1} if kind == "click" else {}
    put(event(sent, kind, who=who, **about), event(sent, kind, who=who, **about))
    drain()
    assert [sent.row(n).status for n in range(2)] == ["sent", "unknown"]
    assert sent.row().attempt == 1
    adjustment = Adjustment.objects.get()
    assert (adjustment.campaign_id, adjustment.sent, adjustment.unknown) == (sent.campaign.pk, 1, -1)
    counted = recount(sent.campaign.pk)
    assert (counted.sent, counted.unknown) == (1, 1)
    put(event(sent, kind, who=who, **about))
    drain()
    adjustment.refresh_from_db()
    assert (adjustment.sent, adjustment.unknown) == (1, -1)


@pytest.mark.parametrize("status", ["bounced_hard", "failed", "skipped", "dead"])
def test_a_settled_status_is_left_alone(make_sent: MakeSent, status: str) -> None:
    sent = make_sent(delivered=False)
    sent.deliver(status=status)
    put(event(sent))
    drain()
    assert sent.row().status == status
    assert sent.row().opened_at is not None
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize("before", [None, "deferred"])
def test_an_event_that_overtakes_the_record_waits_for_it(make_sent: MakeSent, before: str | None) -> None:
    sent = make_sent(delivered=False)
    if before:
        sent.deliver(status=before)
    put(event(sent))
    assert drain().parked == 1
    assert (Event.objects.count(), minutes(sent)) == (0, {})
    due_now()
    drain()
    parked = ParkedEvent.objects.get()
    assert parked.tries == 1
    assert parked.due_at > dt.datetime.now(dt.UTC)
    connection.cursor().execute("DELETE FROM delivery_email")
    sent.deliver(status="unknown")
    due_now()
    assert drain().new == 1
    assert not ParkedEvent.objects.exists()
    assert (sent.row().status, sent.refreshed().opened) == ("sent", 1)
    assert minutes(sent) == {("open", "human"): 1}


def test_a_parked_event_that_comes_again_is_counted_once(make_sent: MakeSent) -> None:
    sent = make_sent(delivered=False)
    occurrence = event(sent)
    put(occurrence)
    drain()
    put(occurrence)
    drain()
    assert ParkedEvent.objects.count() == 1
    sent.deliver()
    put(occurrence)
    due_now()
    drain()
    assert (Event.objects.count(), minutes(sent), ParkedEvent.objects.count()) == (1, {("open", "human"): 1}, 0)


def test_after_three_days_a_parked_event_is_recorded_as_it_is_and_said_so(
    make_sent: MakeSent, caplog: pytest.LogCaptureFixture
) -> None:
    sent = make_sent(2, delivered=False)
    put(event(sent), event(sent, n=1))
    drain()
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=3, minutes=1)
    ParkedEvent.objects.filter(payload__contains=f"\t{sent.leads[0].pk}\t").update(parked_at=long_ago)
    due_now()
    drain()
    assert "waited three days" in caplog.text
    assert list(Event.objects.values_list("lead_id", flat=True)) == [sent.leads[0].pk]
    assert ParkedEvent.objects.count() == 1


def test_what_is_not_fit_for_the_table_goes_aside_and_stops_nothing(
    sent: Sent, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    put(event(sent))
    redis_client.xadd(stream.EVENTS, {"e": "gib\0berish"})
    redis_client.xadd(stream.EVENTS, {"other": "field"})
    put(event(sent, at=dt.datetime(2001, 5, 1, tzinfo=dt.UTC)), event(sent, provider_id=2**40), event(sent))
    drained = drain()
    assert (drained.entries, drained.new, drained.aside) == (6, 2, 4)
    assert redis_client.xlen(stream.EVENTS) == 0
    reasons = " ".join(AsideEvent.objects.values_list("reason", flat=True))
    assert "no partition for its month" in reasons
    assert "out of range" in reasons
    assert "set aside" in caplog.text


def test_texts_reach_the_table_as_they_are(sent: Sent, redis_client: redis.Redis) -> None:
    agent = "a\\b \\N \\. \u00e4 \U0001f600 'x'; \"y\" %s {z}"
    put(event(sent, user_agent=agent, who_reason="\\n", data={"reply": 'a\nb\t"c" \\'}))
    # not written by us
    forged = event(sent)._replace(user_agent="two\nlines\r\\.")
    redis_client.xadd(stream.EVENTS, {"e": forged.encode()})
    drained = drain()
    assert (drained.new, drained.aside) == (2, 0)
    first, second = Event.objects.order_by("at", "id")
    assert (first.user_agent, first.who_reason, first.data) == (agent, "\\n", {"reply": 'a\nb\t"c" \\'})
    assert second.user_agent == "two\nlines\r\\."


def test_an_event_of_a_campaign_that_was_deleted_stops_nothing(sent: Sent) -> None:
    gone = sent.campaign.pk
    Campaign.objects.all().delete()
    connection.cursor().execute("UPDATE delivery_email SET status = 'unknown'")
    put(happened("open", campaign_id=gone, lead_id=sent.leads[0].pk))
    assert drain().new == 1


def test_events_of_transactional_messages_mark_the_message(redis_client: redis.Redis, db: None) -> None:
    message_id = queue_message(to="ada@example.com", subject="Order", html="<p>x</p>", sender="shop@sender.example")
    put(happened("open", message_id=message_id))
    assert drain().parked == 1
    Message.objects.filter(id=message_id).update(status="unknown")
    put(happened("click", message_id=message_id, link_number=1), happened("open", message_id=2**50))
    due_now()
    drain()
    message = Message.objects.get(id=message_id)
    assert message.status == "sent"
    assert message.opened_at is not None
    assert message.clicked_at is not None
    assert not MinuteRollup.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_second_drain_at_the_same_time_does_nothing(sent: Sent) -> None:
    put(event(sent))
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(sql.DRAIN_LOCK):
            held.set()
            done.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    assert drain().entries == 0
    done.set()
    holder.join()
    assert drain().entries == 1


KILLED = (
    # where, events committed by then, entries that the next drain reads again
    ("drain_after_copy", 0, 300),
    ("record_before_commit", 0, 300),
    ("drain_after_commit", 300, 300),
    ("drain_after_acknowledge", 300, 0),
)


@pytest.mark.django_db(transaction=True)
def test_a_drain_that_is_killed_anywhere_loses_and_doubles_nothing(
    make_sent: MakeSent, redis_client: redis.Redis, tmp_path: Path
) -> None:
    sent = make_sent(100, delivered=False)
    sent.deliver(*range(50))
    sent.deliver(*range(50, 100), status="unknown")
    WebhookEndpoint.objects.create(name="all", url="http://shop.example/", kinds=["email.opened"], people_only=False)
    put(*(event(sent, n=n) for n in range(100)), *(event(sent, "click", n, link_number=1) for n in range(100)))
    put(*(event(sent, n=n, who="machine") for n in range(100)))
    for failpoint, committed, pending in KILLED:
        killed = drain_in_a_process(f"{failpoint}:{tmp_path / failpoint}")
        assert killed.returncode == -9, killed.stderr
        assert redis_client.xpending(stream.EVENTS, GROUP)["pending"] == pending, failpoint
        assert Event.objects.count() == committed, failpoint
    again = drain_in_a_process()
    assert again.returncode == 0, again.stderr
    assert Event.objects.count() == 300
    assert minutes(sent) == {("open", "human"): 100, ("open", "machine"): 100, ("click", "human"): 100}
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (100, 100)
    assert recount(sent.campaign.pk).sent == 100
    assert (Adjustment.objects.get().sent, LinkRollup.objects.get().leads) == (50, 100)
    assert (CampaignEngagement.objects.count(), WebhookDelivery.objects.count()) == (100, 200)
    found = Breakdown.objects.get(campaign_id=sent.campaign.pk, dimension="variant")
    assert (found.open_human, found.open_machine, found.click_human) == (100, 100, 100)
    assert redis_client.xlen(stream.EVENTS) == 0


@pytest.mark.django_db(transaction=True)
def test_with_postgresql_away_events_wait_in_the_stream_and_the_backlog_is_caught_up_with(
    make_sent: MakeSent, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = make_sent(100)
    monkeypatch.setattr("tracking.source.ROUND_ENTRIES", 250)
    monkeypatch.setattr(consume, "DRAIN_SECONDS", 0)
    put(*(event(sent, n=n % 100) for n in range(600)))
    assert drain(seconds=0).new == 250
    with PostgresAway():
        for n in range(4):
            put(*(event(sent, "click", n=n, link_number=1) for _ in range(100)))
            tasks.drain()
    assert "events wait in the stream" in caplog.text
    assert redis_client.xlen(stream.EVENTS) == 750
    found = []
    while redis_client.xlen(stream.EVENTS):
        found.append(drain(seconds=0).new)
    assert found == [250, 250, 250]
    assert minutes(sent) == {("open", "human"): 600, ("click", "human"): 400}
    assert (Event.objects.count(), sent.refreshed().opened, sent.refreshed().clicked) == (1000, 100, 4)


@pytest.mark.usefixtures("unreachable_redis")
def test_with_redis_away_the_task_ends_and_says_so(db: None, caplog: pytest.LogCaptureFixture) -> None:
    tasks.drain()
    assert "events wait in the stream" in caplog.text


def test_first_opens_stay_on_their_page(make_sent: MakeSent) -> None:
    """No index may hold the columns that opens and clicks fill: 10,000 updates a second rest on it."""
    make_sent()
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'delivery_email'")
        definitions = " ".join(definition for (definition,) in cursor.fetchall())
    assert "lead_id" in definitions
    for column in ("opened_at", "clicked_at", "unsubscribed_at", "complained_at"):
        assert column not in definitions


def test_many_rounds_are_drained_in_one_go(make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = make_sent(10)
    monkeypatch.setattr("tracking.source.ROUND_ENTRIES", 7)
    put(*(event(sent, n=n % 10) for n in range(40)))
    assert drain().entries == 40
    assert sent.refreshed().opened == 10


def test_a_drain_ends_when_its_time_is_over(make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = make_sent()
    monkeypatch.setattr("tracking.source.ROUND_ENTRIES", 5)
    put(*(event(sent) for _ in range(20)))
    assert drain(seconds=0).entries == 5
    assert consume.DRAIN_SECONDS <= 5


def test_coming_months_stand_ready_and_are_not_made_twice(db: None) -> None:
    from tracking import partitions

    made = partitions.ensure_ahead(dt.date(2031, 1, 31))
    assert [name[-7:] for name in made] == ["2030-12", "2031-01", "2031-02", "2031-03", "2031-04"]
    assert partitions.ensure_ahead(dt.date(2031, 1, 31)) == []
    assert {(2030, 12), (2031, 4)} <= partitions.months()
