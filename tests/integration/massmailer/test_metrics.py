"""/metrics: what Prometheus reads, from real rows and keys."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from campaigns.models import Campaign
from delivery import metrics as pushed
from delivery.models import Batch, Provider
from massmailer import pulse
from massmailer.celery import app

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


def test_sent_mail_is_the_sum_of_batches_and_does_not_fall_when_one_bounces_later(client, campaign):
    batch(campaign, 1, sent=400, state="done")
    batch(campaign, 2, sent=5, deferred=-5, state="done", kind="retry", attempt=2)
    assert value(client, "emails_sent_total", stream="marketing") == 405
    Campaign.objects.filter(pk=campaign.pk).update(sent=0, bounced=2)
    assert value(client, "emails_sent_total", stream="marketing") == 405


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


def test_latency_histogram_and_pushed_counters(client, redis_client, monkeypatch):
    monkeypatch.setattr(pushed, "_recorder", pushed.Recorder())
    relay = Provider.objects.create(name='Relay "1"', host="127.0.0.1")
    pushed.count_sent("marketing", 0.02, [relay.pk] * 4 + [None])
    pushed.count_sent("transactional", 0.02, [relay.pk] * 2)
    pushed.count_sent("transactional", 0.02, [])
    pushed.add("throttled_total", 3, group="gmail")
    pushed.flush()
    numbers = scrape(client)
    assert numbers["delivery_latency_seconds_bucket", (("le", "0.01"),)] == 0
    assert numbers["delivery_latency_seconds_bucket", (("le", "0.025"),)] == 7
    assert numbers["delivery_latency_seconds_count", ()] == 7
    assert numbers["delivery_latency_seconds_sum", ()] == pytest.approx(0.14)
    labels = (("provider", 'Relay "1"'), ("stream", "marketing"))
    assert numbers["provider_emails_sent_total", labels] == 4
    assert numbers["throttled_total", (("group", "gmail"),)] == 3
    assert numbers["emails_sent_total", (("stream", "transactional"),)] == 2


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
