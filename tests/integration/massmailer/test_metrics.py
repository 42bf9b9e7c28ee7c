"""/metrics: what Prometheus reads, from real rows and keys."""

from __future__ import annotations

import json
import time

import pytest
import redis
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from campaigns.models import Campaign
from delivery import metrics as pushed
from delivery import throttle
from delivery.models import Batch, Provider
from massmailer import pulse
from massmailer.celery import app
from tracking import stream

pytestmark = pytest.mark.django_db


def scrape(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = client.get("/metrics")
    assert response.status_code == 200, response.content
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(client: Client, name: str, **labels: str) -> float:
    return scrape(client)[name, tuple(sorted(labels.items()))]


@pytest.fixture
def campaign(redis_client) -> Campaign:
    campaign = Campaign.objects.create(name="One", subject="Hello", from_email="shop@example.com", body="<mjml/>")
    Campaign.objects.filter(pk=campaign.pk).update(
        state="sending", audience=10, pending=4, deferred=3, sent=1, bounced=1, dead=1
    )
    return campaign


def batch(campaign: Campaign, seq: int, **fields: object) -> Batch:
    return Batch.objects.create(campaign=campaign, seq=seq, lead_ids=[seq], size=1, **fields)


def test_strangers_are_refused(client: Client):
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403


def test_the_token_opens_the_door(client: Client, settings, redis_client):
    settings.METRICS_TOKEN = "s3cret"
    response = client.get("/metrics", REMOTE_ADDR="203.0.113.9", headers={"authorization": "Bearer s3cret"})
    assert response.status_code == 200


def test_accepted_mail_is_the_sum_of_batches_and_does_not_fall_when_one_bounces_later(client, campaign):
    batch(campaign, 1, sent=400, state="done")
    batch(campaign, 2, sent=5, deferred=-5, state="done", kind="retry", attempt=2)
    assert value(client, "campaign_emails_accepted_total") == 405
    Campaign.objects.filter(pk=campaign.pk).update(sent=0, bounced=2)
    assert value(client, "campaign_emails_accepted_total") == 405


def test_campaign_numbers(client, campaign):
    numbers = scrape(client)
    assert numbers["retry_queue_size", ()] == 3
    assert numbers["dead_letters", ()] == 1
    assert numbers["unknown_emails", ()] == 0
    assert numbers["campaigns", (("state", "sending"),)] == 1
    assert numbers["campaign_emails", (("status", "pending"),)] == 4


def test_age_of_the_oldest_batch_that_could_be_sent(client, campaign):
    from django.db import connection

    batch(campaign, 1)
    batch(campaign, 2, state="done")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_batch SET not_before = now() - interval '1 hour'")
        cursor.execute("UPDATE campaigns_campaign SET launched_at = now() - interval '10 minutes'")
    assert value(client, "oldest_due_batch_age_seconds") == pytest.approx(600, abs=5)
    Campaign.objects.filter(pk=campaign.pk).update(state="paused")
    assert value(client, "oldest_due_batch_age_seconds") == 0


def test_queue_depths_over_all_priorities(client, redis_client):
    with app.connection_for_write() as connection:
        for priority in (0, 5, 9):
            app.send_task("delivery.send_batch", args=[1], priority=priority, connection=connection, queue="bulk")
    assert value(client, "queue_depth", queue="bulk") == 3
    assert value(client, "queue_depth", queue="transactional") == 0


def test_what_the_workers_pushed(client, redis_client, monkeypatch):
    monkeypatch.setattr(pushed, "_recorder", pushed.Recorder())
    relay = Provider.objects.create(name='Relay "1"', host="127.0.0.1")
    pushed.count_outcomes("marketing", [(relay.pk, "sent")] * 4 + [(relay.pk, "bounced_hard"), (None, "skipped")])
    pushed.count_outcomes("transactional", [(relay.pk, "sent")] * 2)
    pushed.count_outcomes("transactional", [])
    pushed.observe(pushed.LATENCY, 0.02, 7, stream="marketing")
    pushed.observe(pushed.THROTTLE_WAIT, 3.0, why="rate")
    pushed.add("throttled_total", 3, group="gmail")
    pushed.flush()
    numbers = scrape(client)
    assert numbers["delivery_latency_seconds_bucket", (("le", "0.01"), ("stream", "marketing"))] == 0
    assert numbers["delivery_latency_seconds_bucket", (("le", "0.025"), ("stream", "marketing"))] == 7
    assert numbers["delivery_latency_seconds_sum", (("stream", "marketing"),)] == pytest.approx(0.14)
    assert numbers["throttle_wait_seconds_sum", (("why", "rate"),)] == 3
    assert numbers["throttled_total", (("group", "gmail"),)] == 3
    sent = {labels: n for (name, labels), n in numbers.items() if name == "emails_sent_total"}
    assert sum(sent.values()) == 8, "a sum over the family counts nothing twice"
    assert sent[("outcome", "sent"), ("provider", 'Relay "1"'), ("stream", "marketing")] == 4
    assert sent[("outcome", "bounced"), ("provider", 'Relay "1"'), ("stream", "marketing")] == 1
    assert sent[("outcome", "skipped"), ("provider", ""), ("stream", "marketing")] == 1
    assert sent[("outcome", "sent"), ("provider", 'Relay "1"'), ("stream", "transactional")] == 2


def test_claims_and_what_is_recorded_of_them(client, campaign):
    batch(campaign, 1, cursor=1, recorded=1, state="done")
    batch(campaign, 2, cursor=1)
    numbers = scrape(client)
    assert numbers["campaign_emails_claimed_total", ()] == 2
    assert numbers["campaign_emails_recorded_total", ()] == 1


def test_circuits_of_providers(client, campaign):
    ill = Provider.objects.create(name="Ill", host="127.0.0.1")
    well = Provider.objects.create(name="Well", host="127.0.0.2")
    with redis.Redis.from_url(settings.REDIS_URL) as session:
        session.hset(throttle.circuit_key(ill.pk), mapping={"state": "open", "until": time.time() + 60, "bad": 12})
    states = {labels: n for (name, labels), n in scrape(client).items() if name == "provider_circuit_state"}
    assert len(states) == 6
    on = {labels for labels, n in states.items() if n}
    assert on == {(("provider", "Ill"), ("state", "open")), (("provider", "Well"), ("state", "closed"))}, well


def test_the_lag_is_the_age_of_the_oldest_event_that_waits(client, redis_client):
    assert value(client, "events_lag_seconds") == 0
    now = int(redis_client.time()[0] * 1000)
    redis_client.xadd(stream.EVENTS, {stream.FIELD: "x"}, id=f"{now - 90_000}-0")
    redis_client.xadd(stream.EVENTS, {stream.FIELD: "y"}, id=f"{now - 1_000}-0")
    assert value(client, "events_lag_seconds") == pytest.approx(90, abs=5)


def test_workers_count_while_their_sign_of_life_lasts(client, redis_client):
    redis_client.sadd(pulse.WORKERS, "bulk@a", "bulk@b", "gone@c")
    for name in ("bulk@a", "bulk@b"):
        redis_client.set(pulse.WORKER + name, json.dumps({"queues": ["bulk"]}), ex=15)
    assert value(client, "workers", queue="bulk") == 2
    assert value(client, "workers", queue="control") == 0
    assert redis_client.smembers(pulse.WORKERS) == {"bulk@a", "bulk@b"}


def test_redis_away_leaves_the_numbers_of_postgresql(client, campaign, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    numbers = scrape(client)
    assert numbers["component_up", (("component", "redis"),)] == 0
    assert numbers["component_up", (("component", "postgresql"),)] == 1
    assert numbers["retry_queue_size", ()] == 3
