"""Counters of the senders arrive in Redis, and Redis away never disturbs a sender."""

from __future__ import annotations

import os
import time

import pytest
import redis

from delivery import metrics


@pytest.fixture(autouse=True)
def recorder(redis_client, monkeypatch) -> metrics.Recorder:
    recorder = metrics.Recorder()
    monkeypatch.setattr(metrics, "_recorder", recorder)
    monkeypatch.setattr(metrics, "PUSH_INTERVAL_SECONDS", 0.05)
    return recorder


def wait_for_total(client: redis.Redis, name: str, wanted: int, **labels: str) -> None:
    deadline = time.monotonic() + 5
    while metrics.read(client).total(name, **labels) != wanted:
        assert time.monotonic() < deadline, metrics.read(client)
        time.sleep(0.02)


def test_counts_arrive_by_themselves(redis_client):
    metrics.add("provider_emails", 3, provider="Relay 1", stream="marketing")
    metrics.add("provider_emails", 4, provider="Relay 2", stream="marketing")
    wait_for_total(redis_client, "provider_emails", 7, stream="marketing")
    assert metrics.read(redis_client).total("provider_emails", provider="Relay 2") == 4
    assert metrics.read(redis_client).total("provider_emails", stream="transactional") == 0


def test_latencies_fall_into_buckets_that_add_up(redis_client):
    for seconds, n in ((0.003, 10), (0.005, 1), (0.2, 5), (9999, 2)):  # a bound belongs to its own bucket
        metrics.observe(metrics.LATENCY, seconds, n, stream="marketing")
    metrics.observe(metrics.LATENCY, 1.0, 1, stream="transactional")
    metrics.flush()
    found = metrics.read(redis_client).histograms[metrics.LATENCY]
    latency = found[("stream", "marketing"),]
    cumulated = dict(latency.cumulated())
    assert cumulated["0.005"] == 11
    assert cumulated["0.25"] == 16
    assert cumulated["30.0"] == 16
    assert cumulated["+Inf"] == 18
    assert latency.sum_seconds == pytest.approx(0.03 + 0.005 + 1.0 + 2 * 9999)
    assert dict(found[("stream", "transactional"),].cumulated())["+Inf"] == 1


def test_outcomes_are_counted_by_provider_and_both_kinds_of_bounce_are_one(redis_client):
    statuses = ["sent"] * 3 + ["bounced_hard", "bounced_soft", "deferred"]
    metrics.count_outcomes("marketing", [(7, status) for status in statuses])
    metrics.count_outcomes("marketing", [(None, "skipped")])
    metrics.flush()
    snapshot = metrics.read(redis_client)
    assert snapshot.total(metrics.SENT, outcome="sent", provider="7") == 3
    assert snapshot.total(metrics.SENT, outcome="bounced") == 2
    assert snapshot.total(metrics.SENT, outcome="skipped", provider="") == 1
    assert snapshot.total(metrics.SENT) == 7


def test_a_redis_that_is_away_neither_raises_nor_waits_and_nothing_is_lost(redis_client, settings, recorder):
    there = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    begun = time.monotonic()
    for _ in range(1000):
        metrics.add("provider_emails", 1)
    assert time.monotonic() - begun < 0.5
    recorder.push()
    settings.REDIS_URL = there
    recorder._client = None
    recorder.push()
    wait_for_total(redis_client, "provider_emails", 1000)


def test_a_forked_child_counts_its_own_part_only(redis_client, recorder):
    metrics.add("provider_emails", 1)
    child = os.fork()
    if not child:  # what os.register_at_fork does to the recorder of a real process
        recorder.reset()
        metrics.add("provider_emails", 10)
        metrics.flush()
        os._exit(0)
    os.waitpid(child, 0)
    metrics.flush()
    wait_for_total(redis_client, "provider_emails", 11)
