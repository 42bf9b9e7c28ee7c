"""The main job through its front doors: real workers, real engines, a real SMTP server, killed processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from redis import Redis

from bench.sink import Rule, Sink
from campaigns.models import Campaign, Lead
from campaigns.services.states import cancel_campaign, pause_campaign, resume_campaign, schedule_campaign
from delivery.models import Email, Message
from delivery.transactional import queue_message
from massmailer.processes import record
from massmailer.processes.background import BackgroundStack

from .conftest import checked, wait_for, wait_until_over

Scheduled = Callable[..., Campaign]


def addresses(sink: Sink) -> list[str]:
    return [address for address, _ in sink.accepted()]


def assert_each_at_most_once(sink: Sink) -> set[str]:
    accepted = addresses(sink)
    assert len(accepted) == len(set(accepted)), "a recipient was mailed twice"
    return set(accepted)


def bulk_children() -> list[psutil.Process]:
    return psutil.Process(record.read().children["worker-bulk"]).children(recursive=True)


def test_a_campaign_reaches_every_lead_exactly_once(scheduled: Scheduled, sink: Sink) -> None:
    campaign = scheduled(leads=3000)
    call_command("launch", str(campaign.pk), "--wait", "--timeout", "90")
    found = wait_until_over(campaign)
    assert (found.state, found.sent + found.deferred, found.audience) == ("sent", 3000, 3000), found
    # a machine that stood still for seconds lets claims go unused, which are tried again
    wait_for(lambda: checked(campaign).sent == 3000, 120, "every lead is mailed")
    assert assert_each_at_most_once(sink) == set(Lead.objects.values_list("email", flat=True))


def sessions() -> int:
    """How often somebody connected to the test database so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_a_worker_keeps_its_connection_from_task_to_task(scheduled: Scheduled, sink: Sink) -> None:
    campaign = scheduled(leads=8000)
    before = sessions()
    call_command("launch", str(campaign.pk), "--wait", "--timeout", "90")
    time.sleep(2)
    # eight batches, and what beat publishes a second or twice; two children have four connections each of their own
    assert sessions() - before <= 16


def test_pause_stops_the_flow_and_resume_goes_on(scheduled: Scheduled, sink: Sink) -> None:
    sink.behave([], latency_ms=20)
    campaign = scheduled(leads=6000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 200, 30, "the campaign sends")
    pause_campaign(campaign_id=campaign.pk)
    time.sleep(2)  # the promise: nothing new starts two seconds after a pause
    stopped_at = len(addresses(sink))
    time.sleep(1)
    assert len(addresses(sink)) == stopped_at < 6000
    resume_campaign(campaign_id=campaign.pk)
    sink.behave([])
    assert wait_until_over(campaign).sent == 6000
    assert len(assert_each_at_most_once(sink)) == 6000


def test_cancel_leaves_the_rest_skipped(scheduled: Scheduled, sink: Sink) -> None:
    sink.behave([], latency_ms=20)
    campaign = scheduled(leads=6000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 200, 30, "the campaign sends")
    cancel_campaign(campaign_id=campaign.pk)
    found = wait_until_over(campaign)
    assert found.state == "cancelled"
    assert found.skipped > 0
    assert found.sent == len(assert_each_at_most_once(sink)) == 6000 - found.skipped
    skipped = Email.objects.filter(campaign_id=campaign.pk, status="skipped")
    assert set(skipped.values_list("reply", flat=True)) == {"cancelled"}


def test_a_killed_worker_child_costs_unknowns_but_no_second_copy(scheduled: Scheduled, sink: Sink) -> None:
    sink.behave([], latency_ms=10)
    campaign = scheduled(leads=4000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 300, 30, "the campaign sends")
    killed = bulk_children()[0]
    os.kill(killed.pid, signal.SIGKILL)
    sink.behave([])
    found = wait_until_over(campaign, seconds=120)
    accepted = assert_each_at_most_once(sink)
    assert 0 < found.unknown <= 200
    assert found.sent + found.unknown == 4000
    sent = Email.objects.filter(campaign_id=campaign.pk, status__in=["sent", "unknown"]).values("lead_id")
    assert accepted <= set(Lead.objects.filter(pk__in=sent).values_list("email", flat=True))


def test_a_worker_that_is_told_to_stop_leaves_no_unknown(
    scheduled: Scheduled, sink: Sink, stack: BackgroundStack
) -> None:
    sink.behave([], latency_ms=20)
    campaign = scheduled(leads=5000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 300, 30, "the campaign sends")
    main = psutil.Process(record.read().children["worker-bulk"])
    main.terminate()
    main.wait(30)
    sink.behave([])
    found = wait_until_over(campaign, seconds=120)
    assert (found.unknown, found.sent) == (0, 5000)
    assert len(assert_each_at_most_once(sink)) == 5000


def test_transactional_mail_does_not_wait_behind_a_campaign(scheduled: Scheduled, sink: Sink) -> None:
    sink.behave([], latency_ms=20)
    campaign = scheduled(leads=6000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 100, 30, "the campaign sends")
    message_id = queue_message(to="urgent@example.com", subject="Your code", html="<p>{{ data.code }}</p>")
    wait_for(lambda: Message.objects.get(id=message_id).status == "sent", 10, "the message is sent")
    assert checked(campaign).pending > 0
    sink.behave([])
    wait_until_over(campaign)


def test_a_broker_that_forgot_everything_is_refilled(scheduled: Scheduled, sink: Sink) -> None:
    sink.behave([Rule("DOT", action="delay", delay_ms=20)])
    campaign = scheduled(leads=4000)
    schedule_campaign(campaign_id=campaign.pk)
    wait_for(lambda: checked(campaign).sent > 100, 30, "the campaign sends")
    with Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
    sink.behave([])
    assert wait_until_over(campaign, seconds=90).sent == 4000
    assert len(assert_each_at_most_once(sink)) == 4000
