"""Which provider a message goes by, and what providers' answers change for those that follow."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from redis import Redis

from bench.sink import Options, Rule, Sink
from campaigns.models import Campaign, Suppression
from delivery import circuit, collect, launch, runtime, send
from delivery.models import (
    Alert,
    Batch,
    Email,
    GroupLimit,
    Provider,
    ProviderEvent,
    ProviderUsage,
    ReplyRule,
    SendingDomain,
)
from delivery.numbers import campaign_numbers
from delivery.providers import add_provider
from delivery.routes import LONGEST_WAIT_SECONDS
from delivery.throttle import pace_key
from tests.environment import free_ports

from .conftest import MakeCampaign

BLOCKED = "554 5.7.1 Message blocked: your reputation is too low"
UNAUTHENTICATED = "550 5.7.26 This mail has been blocked because the sender is unauthenticated (SPF and DKIM)"


@pytest.fixture
def other() -> Iterator[Sink]:
    with Sink(Options(keep_content=True)) as running:
        yield running


def start(make: MakeCampaign, leads: int = 30) -> Campaign:
    campaign = make(leads)
    assert launch.launch_campaign(campaign_id=campaign.pk)
    return campaign


def send_all() -> None:
    for batch_id in Batch.objects.exclude(state="done").order_by("id").values_list("id", flat=True):
        send.send_batch(batch_id)


def earn_back() -> None:
    """What time and success do: no pace is slowed any more."""
    with Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter("pace:*"):
            client.delete(key)


def retry_all() -> None:
    """What time does: paces are earned back, deferred rows fall due, are collected and sent."""
    earn_back()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_email SET due_at = now() WHERE status = 'deferred'")
    collect.collect_retries()
    send_all()


def statuses(campaign: Campaign) -> Counter[str]:
    assert campaign_numbers(campaign.pk).adds_up
    return Counter(Email.objects.filter(campaign_id=campaign.pk).values_list("status", flat=True))


def test_a_block_is_tried_once_by_another_provider(make_campaign: MakeCampaign, sink: Sink, other: Sink) -> None:
    sink.behave([Rule("RCPT", text=BLOCKED)])
    campaign = start(make_campaign)
    Provider.objects.update(state="active")
    add_provider(name="Other", url=f"smtp://127.0.0.1:{other.port}")
    send_all()
    blocked = statuses(campaign)["deferred"]
    assert blocked == 30
    retry_all()
    assert statuses(campaign) == {"sent": 30}
    assert len(other.accepted()) == 30
    # nobody is suppressed for a policy of the receiver, and an operator was told
    assert not Suppression.objects.exists()
    assert ProviderEvent.objects.filter(kind="blocked", provider__name="Sink").exists()
    assert Alert.objects.get().key.startswith("blocked:")


def test_a_block_by_everybody_ends_as_failed(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", text=BLOCKED)])
    campaign = start(make_campaign, leads=5)
    send_all()
    retry_all()
    assert statuses(campaign) == {"failed": 5}
    retry_all()
    assert statuses(campaign) == {"failed": 5}


def test_mail_from_a_domain_whose_authentication_is_refused_stops(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", pattern="lead[0-9]@*", text=UNAUTHENTICATED)])
    campaign = start(make_campaign, leads=120)
    send_all()
    domain = SendingDomain.objects.get(domain="sender.example")
    assert domain.paused_until is not None
    assert domain.paused_until > dt.datetime.now(dt.UTC) + dt.timedelta(minutes=50)
    assert Alert.objects.filter(key="domain-paused:sender.example").exists()
    # another campaign from it waits, and nothing of it is lost
    sink.behave([])
    second = Campaign.objects.create(
        name="More", subject="More", from_email="news@sender.example", body=campaign.body, body_format="html",
        mailing_list=campaign.mailing_list, state="launching",
    )  # fmt: skip
    launch.launch_campaign(campaign_id=second.pk)
    send_all()
    assert campaign_numbers(second.pk).pending == 120
    SendingDomain.objects.update(paused_until=Now() - dt.timedelta(seconds=1))
    Batch.objects.filter(campaign=second).update(not_before=Now())
    runtime.get().domains.expire()  # three seconds later
    earn_back()
    send_all()
    assert campaign_numbers(second.pk).sent == 120


def test_one_server_of_nobody_in_particular_stops_no_domain(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", pattern="lead0@*", text=UNAUTHENTICATED)])
    start(make_campaign, leads=120)
    send_all()
    assert not SendingDomain.objects.filter(paused_until__isnull=False).exists()
    assert Alert.objects.get().key.startswith("blocked:")


def test_a_dead_provider_costs_no_letter_its_window(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = start(make_campaign, leads=200)
    (port,) = free_ports(1)
    dead = add_provider(name="Dead", url=f"smtp://127.0.0.1:{port}", weight=5)
    send_all()
    assert statuses(campaign) == {"sent": 200}
    assert len(sink.accepted()) == 200
    assert circuit.read([dead.pk])[dead.pk].state == "open"
    opened = ProviderEvent.objects.get(provider=dead, kind="opened")
    assert str(port) in opened.text
    assert Alert.objects.get().key == f"circuit:{dead.pk}"


def test_a_throttled_group_is_slowed_and_others_are_not(
    make_campaign: MakeCampaign, sink: Sink, redis_client: Redis
) -> None:
    sink.behave([Rule("RCPT", text="421 4.7.0 Try again later, too many messages")])
    campaign = start(make_campaign, leads=40)
    send_all()
    provider = Provider.objects.get()
    found = statuses(campaign)
    assert found["sent"] == 0
    assert set(Email.objects.values_list("tries", flat=True)) == {0}
    assert redis_client.hget(pace_key(provider.pk, "other"), "rate") is not None
    assert redis_client.hget(pace_key(provider.pk, "gmail"), "rate") is None
    assert ProviderEvent.objects.filter(kind="throttled", provider=provider, code=421).exists()


def test_a_daily_quota_holds_even_when_redis_has_forgotten_it(
    make_campaign: MakeCampaign, sink: Sink, redis_client: Redis
) -> None:
    campaign = start(make_campaign, leads=30)
    Provider.objects.update(rate_per_day=10)
    send_all()
    assert (len(sink.accepted()), campaign_numbers(campaign.pk).pending) == (10, 20)
    batch = Batch.objects.get()
    now = dt.datetime.now(dt.UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    # somebody may raise the quota long before it begins anew
    asks_again = min(midnight, now + dt.timedelta(seconds=LONGEST_WAIT_SECONDS))
    assert abs((batch.not_before - asks_again).total_seconds()) < 5
    assert sum(ProviderUsage.objects.values_list("accepted", flat=True)) == 10
    redis_client.flushall()
    Batch.objects.update(not_before=Now())
    send_all()
    assert len(sink.accepted()) == 10
    Provider.objects.update(rate_per_day=15)
    Batch.objects.update(not_before=Now())
    send_all()
    assert len(sink.accepted()) == 15


def test_a_quota_that_is_used_up_hands_over_to_the_next_tier(
    make_campaign: MakeCampaign, sink: Sink, other: Sink
) -> None:
    start(make_campaign, leads=30)
    Provider.objects.update(rate_per_day=10)
    spare = add_provider(name="Spare", url=f"smtp://127.0.0.1:{other.port}")
    spare.memberships.update(tier=2)
    send_all()
    assert (len(sink.accepted()), len(other.accepted())) == (10, 20)


def test_a_limit_of_a_group_holds_for_that_group(make_campaign: MakeCampaign, sink: Sink) -> None:
    campaign = start(make_campaign, leads=30)
    GroupLimit.objects.create(provider=Provider.objects.get(), mailbox_group="other", rate_per_second=0.001)
    send_all()
    assert campaign_numbers(campaign.pk).pending == 30
    GroupLimit.objects.update(mailbox_group="gmail")
    Batch.objects.update(not_before=Now())
    send_all()
    assert campaign_numbers(campaign.pk).sent == 30


def test_a_draining_provider_gets_no_new_mail(make_campaign: MakeCampaign, sink: Sink, other: Sink) -> None:
    campaign = start(make_campaign, leads=30)
    add_provider(name="Other", url=f"smtp://127.0.0.1:{other.port}")
    Provider.objects.get(name="Sink").move(Provider.State.DRAINING)
    send_all()
    assert campaign_numbers(campaign.pk).sent == 30
    assert not sink.accepted()


def test_an_operators_rule_judges_the_next_reply_without_a_restart(make_campaign: MakeCampaign, sink: Sink) -> None:
    sink.behave([Rule("RCPT", text="550 5.0.0 Quantum mailbox collapsed")])
    campaign = start(make_campaign, leads=3)
    runtime.get()
    ReplyRule.objects.create(
        name="quantum", outcome="soft", reason="Observed too often.", phrases="mailbox collapsed", pause_minutes=5
    )
    send_all()
    assert statuses(campaign) == {"deferred": 3}
    ReplyRule.objects.update(outcome="hard", updated_at=Now())
    retry_all()
    assert statuses(campaign) == {"bounced_hard": 3}
    assert Suppression.objects.filter(reason="hard_bounce").count() == 3


def test_one_server_of_nobody_in_particular_silences_nobody_else(
    make_campaign: MakeCampaign, sink: Sink, redis_client: Redis
) -> None:
    sink.behave([Rule("RCPT", pattern="lead0@*", text="421 4.7.0 [TS03] All messages will be permanently deferred")])
    start(make_campaign, leads=30)
    send_all()
    key = pace_key(Provider.objects.get().pk, "other")
    assert redis_client.hget(key, "rate") is not None
    assert redis_client.hget(key, "until") is None


def test_a_rule_that_asks_for_a_pause_silences_the_group(
    make_campaign: MakeCampaign, sink: Sink, redis_client: Redis
) -> None:
    sink.behave([Rule("RCPT", text="421 4.0.0 Come back after tea")])
    start(make_campaign, leads=1)
    ReplyRule.objects.create(name="tea", outcome="throttle", reason="Tea.", phrases="after tea", pause_minutes=30)
    send_all()
    until = float(redis_client.hget(pace_key(Provider.objects.get().pk, "other"), "until") or 0)
    assert 1700 < until - dt.datetime.now(dt.UTC).timestamp() <= 1800
