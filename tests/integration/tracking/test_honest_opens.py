"""Rules of opens and clicks as data: from the admin to the doors, and again over what is stored."""

from __future__ import annotations

import datetime as dt
import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from campaigns.models import Lead
from delivery.models import Email, Message
from delivery.transactional import queue_message
from tests.integration.tracking.conftest import MakeSent, PostgresAway, Sent, in_a_process
from tracking import reclassify, rules, sql, stream
from tracking.consume import drain
from tracking.models import (
    Breakdown,
    CampaignEngagement,
    Event,
    LinkClick,
    LinkRollup,
    MinuteRollup,
    Reclassification,
    VisitorRule,
)
from tracking.occurrence import Occurrence, decode, happened

READER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
NEW_SCANNER = "Mozilla/5.0 (compatible) NewMailGuard/1.2"
HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(autouse=True)
def as_a_new_process() -> Iterator[None]:
    rules.forget()
    yield
    rules.forget()


def our_rule(**about: object) -> VisitorRule:
    fields = {"name": "new-guard", "who": "machine", "reason": "new guard", "agent": "contains", "position": 55}
    return VisitorRule.objects.create(**{**fields, "phrases": "newmailguard", **about})


def reach_all_processes() -> None:
    rules.publish_changes()
    rules._known.until = 0.0


def open_as(sent: Sent, agent: str, redis_client: redis.Redis) -> Occurrence:
    Client(headers={"User-Agent": agent}).get(f"/o/{sent.tokens().open}.gif")
    return decode(redis_client.xrevrange(stream.EVENTS, count=1)[0][1][stream.FIELD])


def test_the_built_in_rules_stand_in_the_table_in_their_order(db: None) -> None:
    assert [rule.name for rule in rules.load().rules] == [rule.name for rule in rules.BUILT_IN]
    assert list(rules.load().rules) == list(rules.BUILT_IN)
    VisitorRule.objects.filter(name="browsers").update(is_active=False, reason="altered")
    rules.seed()
    browsers = VisitorRule.objects.get(name="browsers")
    assert (browsers.is_active, browsers.reason) == (False, "browser")
    assert "browsers" not in [rule.name for rule in rules.load().rules]


def test_a_new_rule_reaches_the_doors_without_a_query_of_theirs(
    sent: Sent, redis_client: redis.Redis, django_assert_num_queries: object
) -> None:
    assert open_as(sent, NEW_SCANNER, redis_client).who == "human"
    our_rule()
    drain()
    rules._known.until = 0.0
    with django_assert_num_queries(0):  # type: ignore[operator]
        event = open_as(sent, NEW_SCANNER, redis_client)
    assert (event.who, event.who_reason) == ("machine", "new guard")
    assert open_as(sent, READER, redis_client).who == "human"
    VisitorRule.objects.filter(name="new-guard").delete()
    reach_all_processes()
    assert open_as(sent, NEW_SCANNER, redis_client).who == "human"


def test_with_redis_forgetful_or_away_the_rules_stay(sent: Sent, redis_client: redis.Redis, settings: object) -> None:
    our_rule()
    reach_all_processes()
    assert [rule.name for rule in rules.current().rules].count("new-guard") == 1
    redis_client.flushall()
    rules._known.until = 0.0
    assert "new-guard" in [rule.name for rule in rules.current().rules]
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # type: ignore[attr-defined]
    rules._known.until = 0.0
    assert "new-guard" in [rule.name for rule in rules.current().rules]


def test_what_a_rule_may_ask_for_is_kept_with_the_event(sent: Sent, redis_client: redis.Redis) -> None:
    Client(headers={"User-Agent": READER}).head(f"/o/{sent.tokens().open}.gif")
    Client(headers={"User-Agent": READER, "Purpose": "prefetch"}).get(f"/o/{sent.tokens().open}.gif")
    Client(headers={"User-Agent": READER}).get(f"/o/{sent.tokens().open}.gif")
    drain()
    kept = list(Event.objects.order_by("at").values_list("data", flat=True))
    assert kept == [{"method": "HEAD"}, {"purpose": "prefetch"}, None]


def put(sent: Sent, kind: str, n: int = 0, *, agent: str = NEW_SCANNER, **about: object) -> None:
    about = {"who_reason": "browser", **about}
    event = happened(kind, campaign_id=sent.campaign.pk, lead_id=sent.leads[n].pk, user_agent=agent, **about)
    assert stream.append(event)


def minutes(sent: Sent) -> Counter[tuple[str, str]]:
    rows = MinuteRollup.objects.filter(campaign_id=sent.campaign.pk).values_list("kind", "who").annotate(Sum("count"))
    return +Counter({(kind, who): count for kind, who, count in rows})


def links(sent: Sent) -> dict[tuple[int, str], tuple[int, int]]:
    rows = LinkRollup.objects.filter(campaign_id=sent.campaign.pk)
    return {(row.link_number, row.who): (row.count, row.leads) for row in rows if row.count or row.leads}


def demand_agreement(sent: Sent) -> None:
    """Whatever is counted is what the events say."""
    events = list(Event.objects.filter(campaign_id=sent.campaign.pk))
    assert minutes(sent) == Counter((event.kind, event.who) for event in events)
    people = {(e.link_number, e.lead_id) for e in events if e.kind == "click" and e.who == "human"}
    assert set(LinkClick.objects.values_list("link_number", "lead_id")) == people
    clicks = Counter((e.link_number, e.who) for e in events if e.kind == "click")
    leads = Counter(number for number, _ in people)
    assert links(sent) == {key: (count, leads[key[0]] if key[1] == "human" else 0) for key, count in clicks.items()}
    firsts: dict[tuple[int, str], dt.datetime] = {}
    for e in events:
        if e.who == "human":
            firsts[e.lead_id, e.kind] = min(e.at, firsts.get((e.lead_id, e.kind), e.at))
    for lead in sent.leads:
        row = Email.objects.get(campaign_id=sent.campaign.pk, lead_id=lead.pk)
        assert (row.opened_at, row.clicked_at) == (firsts.get((lead.pk, "open")), firsts.get((lead.pk, "click")))
    lasts: dict[int, dt.datetime] = {}
    for e in events:
        if (e.kind, e.who) == ("open", "human"):
            lasts[e.lead_id] = max(e.at, lasts.get(e.lead_id, e.at))
    kept = CampaignEngagement.objects.filter(opened_at__isnull=False).values_list("lead_id", "opened_at")
    assert dict(kept) == lasts
    found = Breakdown.objects.get(campaign_id=sent.campaign.pk, dimension="variant")
    for kind in ("open", "click"):
        assert [getattr(found, f"{kind}_{who}") for who in ("human", "machine", "unsure")] == [
            sum((e.kind, e.who) == (kind, who) for e in events) for who in ("human", "machine", "unsure")
        ]
    campaign = sent.refreshed()
    assert campaign.opened == sum(kind == "open" for _, kind in firsts)
    assert campaign.clicked == sum(kind == "click" for _, kind in firsts)


def busy_campaign(make_sent: MakeSent) -> Sent:
    """Opens and clicks of which some were taken for people's."""
    sent = make_sent(4)
    now = dt.datetime.now(dt.UTC)
    put(sent, "open", 0, at=now - 50 * SECOND)
    put(sent, "open", 0, agent=READER, at=now - 40 * SECOND)
    put(sent, "open", 1, at=now - 50 * SECOND)
    put(sent, "click", 1, link_number=1, at=now - 30 * SECOND)
    put(sent, "click", 1, link_number=1, agent=READER, at=now - 20 * SECOND)
    put(sent, "click", 2, link_number=1, at=now - 30 * SECOND)
    put(sent, "click", 2, link_number=2, at=now - 20 * SECOND)
    put(sent, "open", 3, agent="NewReader/1.0", who="unsure", who_reason="unknown user agent", at=now - 10 * SECOND)
    put(sent, "open", 3, agent="NewReader/1.0", who="unsure", who_reason="unknown user agent", at=now - 5 * SECOND)
    drain()
    return sent


def reclassify_events(*arguments: str) -> str:
    out = io.StringIO()
    call_command("reclassify_events", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("round_events", [1, 2, 5000])
def test_stored_events_are_judged_again_and_everything_counted_follows(
    make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch, round_events: int
) -> None:
    monkeypatch.setattr(reclassify, "ROUND_EVENTS", round_events)
    sent = busy_campaign(make_sent)
    demand_agreement(sent)
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (2, 2)
    our_rule()
    our_rule(name="new-reader", who="human", reason="new reader", phrases="newreader")
    assert "9 opens and clicks looked at, 7 changed" in reclassify_events("--campaign", str(sent.campaign.pk))
    demand_agreement(sent)
    # lead 0 by its second open, lead 3 by its first; of the clicks only lead 1's second
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (2, 1)
    assert "0 changed" in reclassify_events()
    VisitorRule.objects.filter(is_built_in=False).delete()
    assert "7 changed" in reclassify_events()
    demand_agreement(sent)
    assert (sent.refreshed().opened, sent.refreshed().clicked) == (2, 2)


def test_only_what_is_asked_for_is_judged_again(make_sent: MakeSent) -> None:
    one = make_sent(1)
    Lead.objects.update(email="eve@example.com")
    other = make_sent(1)
    one.deliver()
    for sent in (one, other):
        put(sent, "open", at=dt.datetime.now(dt.UTC) - HOUR)
        put(sent, "open")
    drain()
    our_rule()
    since = (dt.datetime.now(dt.UTC) - HOUR / 2).isoformat()
    assert "1 opens and clicks looked at, 1 changed" in reclassify_events(
        "--campaign", str(one.campaign.pk), "--since", since
    )
    changed = Event.objects.filter(who="machine")
    assert [event.campaign_id for event in changed] == [one.campaign.pk]
    assert one.row().opened_at is not None
    with pytest.raises(CommandError, match="no campaign 987"):
        reclassify_events("--campaign", "987")


def test_a_burst_is_seen_across_rounds(make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = make_sent(1)
    now = dt.datetime.now(dt.UTC)
    for number in (1, 2, 3):
        put(sent, "click", link_number=number, agent=READER, at=now + number * SECOND / 4)
        drain()
    assert sent.refreshed().clicked == 1
    monkeypatch.setattr(reclassify, "ROUND_EVENTS", 1)
    assert "3 changed" in reclassify_events()
    assert set(Event.objects.values_list("who_reason", flat=True)) == {"three links within 2 s"}
    demand_agreement(sent)


def test_messages_follow_too(redis_client: redis.Redis, db: None) -> None:
    message_id = queue_message(to="ada@example.com", subject="Order", html="<p>x</p>", sender="shop@sender.example")
    Message.objects.filter(id=message_id).update(status="sent")
    stream.append(happened("open", message_id=message_id, user_agent=NEW_SCANNER))
    drain()
    assert Message.objects.get(id=message_id).opened_at is not None
    our_rule()
    reclassify_events()
    assert Message.objects.get(id=message_id).opened_at is None


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_goes_on_and_counts_nothing_twice(make_sent: MakeSent, tmp_path: Path) -> None:
    sent = busy_campaign(make_sent)
    our_rule()
    code = (
        "import django; django.setup()\nfrom tracking import reclassify\nreclassify.ROUND_EVENTS = 4\n"
        "job = reclassify.start(campaign_id=None, since=None)\nprint(reclassify.run(job.pk))"
    )
    for failpoint, looked_at in (("reclassify_before_commit", 0), ("reclassify_after_commit", 4)):
        killed = in_a_process(code, f"{failpoint}:{tmp_path / failpoint}")
        assert killed.returncode == -9, killed.stderr
        assert Reclassification.objects.get().looked_at == looked_at
        demand_agreement(sent)
    again = in_a_process(code)
    assert (again.returncode, again.stdout.strip()) == (0, "True"), again.stderr
    demand_agreement(sent)
    assert Event.objects.filter(who_reason="new guard").count() == 5
    job = Reclassification.objects.get()
    assert (job.looked_at, job.changed) == (9, 5)
    assert reclassify.stranded() == []


def form_of(rule: VisitorRule, **changes: object) -> dict[str, object]:
    names = (
        "name", "position", "who", "reason", "kind", "agent", "phrases", "method", "purposes", "claim",
        "within_seconds", "links",
    )  # fmt: skip
    fields = {name: getattr(rule, name) for name in names} | {"is_active": "on"} | changes
    return {name: "" if value is None else value for name, value in fields.items()}


def test_an_operator_adds_a_rule_and_applies_it_in_the_admin(
    admin_client: Client, make_sent: MakeSent, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr("tracking.enqueue.reclassify", woken.append)
    sent = busy_campaign(make_sent)
    page = admin_client.get(reverse("admin:tracking_visitorrule_changelist")).text
    assert "Apple privacy proxy" in page
    assert "under 3 s after delivery" in page
    new = VisitorRule(name="guard", who="machine", reason="guard", agent="contains", phrases="NewMailGuard", position=5)
    added = admin_client.post(reverse("admin:tracking_visitorrule_add"), form_of(new))
    assert added.status_code == 302, added.text
    dialog = admin_client.get(page_action("apply_to_stored"))
    assert "Judge stored opens and clicks again?" in dialog.text
    begun = admin_client.post(
        page_action("apply_to_stored"), {"campaign": sent.campaign.pk, "since": "", "_form_submitted": "1"}
    )
    assert begun.status_code == 302, begun.text
    (job_id,) = woken
    assert reclassify.run(job_id)
    demand_agreement(sent)
    assert "Done" in admin_client.get(reverse("admin:tracking_reclassification_changelist")).text
    assert Event.objects.filter(who_reason="guard").count() == 5


def page_action(name: str) -> str:
    return reverse(f"admin:tracking_visitorrule_{name}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agent": "", "phrases": ""}, "would match everything"),
        ({"phrases": "a"}, "matches too much"),
        ({"phrases": ""}, "Write what the user agent is compared with"),
        ({"links": 3}, "within how many seconds"),
        ({"within_seconds": 3}, "Only clicks are judged by their time"),
        ({"name": "browsers"}, "A built-in rule is called browsers"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_cure(
    admin_client: Client, changes: dict[str, object], message: str
) -> None:
    rule = VisitorRule(name="ours", who="machine", reason="ours", agent="contains", phrases="guard")
    response = admin_client.post(reverse("admin:tracking_visitorrule_add"), form_of(rule, **changes))
    assert response.status_code == 200
    assert message in response.text


def test_of_a_built_in_rule_only_place_and_switch_are_an_operators(admin_client: Client) -> None:
    rule = VisitorRule.objects.get(name="browsers")
    address = reverse("admin:tracking_visitorrule_change", args=[rule.pk])
    admin_client.post(address, {"position": "7", "who": "machine", "phrases": "everything"})
    rule.refresh_from_db()
    assert (rule.position, rule.is_active, rule.who, rule.phrases) == (7, False, "human", "mozilla/\nopera/")
    assert admin_client.post(reverse("admin:tracking_visitorrule_delete", args=[rule.pk])).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_what_is_recorded_meanwhile_waits_for_the_round_that_judges(sent: Sent) -> None:
    """An open that is being recorded could otherwise be somebody's first behind the judge's back."""
    put(sent, "open")
    done: list[int] = []

    def record() -> None:
        done.append(drain().new)
        connection.close()

    recorder = threading.Thread(target=record)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.OWN_EVENTS)
        recorder.start()
        until = time.monotonic() + 20
        waiting = 0
        while not waiting and time.monotonic() < until:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            (waiting,) = cursor.fetchone()
        assert (waiting, done) == (1, [])
    recorder.join(20)
    assert done == [1]


@pytest.mark.django_db(transaction=True)
def test_the_rules_are_known_with_postgresql_away(sent: Sent, redis_client: redis.Redis) -> None:
    our_rule()
    reach_all_processes()
    with PostgresAway():
        rules._known.until = 0.0
        assert open_as(sent, NEW_SCANNER, redis_client).who == "machine"
