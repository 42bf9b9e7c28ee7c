"""Turns the numbers into Prometheus' metric families."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import redis
from django.db import Error as DatabaseError
from kombu.exceptions import OperationalError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector as PrometheusCollector

from delivery import metrics as pushed
from massmailer.metrics import broker, database

log = logging.getLogger(__name__)
Numbers = TypeVar("Numbers")


class Collector(PrometheusCollector):
    """Reads PostgreSQL, Redis and the broker. A part that is away leaves out its numbers: component_up is 0 then."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("component_up", "1 where this part answered the scrape.", labels=["component"])
        stored = _try("postgresql", database.read, up)
        counted = _try("redis", broker.read, up)
        depths = _try("broker", broker.queue_depths, up)
        yield up
        if stored:
            yield from _database_families(stored)
        if counted:
            yield from _redis_families(counted)
            yield _provider_family(counted.pushed, stored.providers if stored else {})
        yield from _sent_families(stored, counted)
        if depths is not None:
            yield _gauges("queue_depth", "Messages waiting in the broker.", "queue", depths)

    def describe(self) -> Iterator[Metric]:
        """Nothing ahead: registering must not ask the engines."""
        return iter(())


def _try(component: str, read: Callable[[], Numbers], up: GaugeMetricFamily) -> Numbers | None:
    try:
        numbers = read()
    except (DatabaseError, redis.RedisError, OperationalError, OSError) as error:
        log.warning("no numbers from %s: %s", component, error)
        up.add_metric([component], 0)
        return None
    up.add_metric([component], 1)
    return numbers


def _database_families(stored: database.DatabaseNumbers) -> Iterator[Metric]:
    emails = stored.emails_by_status
    yield _gauges("campaigns", "Campaigns by state.", "state", stored.campaigns_by_state)
    yield _gauges("campaign_emails", "Leads of all campaigns by what became of them.", "status", emails)
    yield _gauges(
        "campaign_events", "Leads that opened, clicked, unsubscribed or complained.", "kind", stored.events_by_kind
    )
    yield _gauge("retry_queue_size", "E-mails waiting for another try.", emails["deferred"] + stored.messages_deferred)
    yield _gauge("dead_letters", "E-mails given up after the last try, waiting for a person.", emails["dead"])
    yield _gauge("unknown_emails", "E-mails whose acceptance cannot be known, for a person.", emails["unknown"])
    yield _gauge(
        "oldest_due_batch_age_seconds",
        "How long the oldest batch that could be sent has waited.",
        stored.oldest_due_batch_seconds,
    )
    yield _gauge("transactional_queued", "Transactional messages waiting to be sent.", stored.messages_queued)
    yield _gauge(
        "oldest_due_transactional_age_seconds",
        "How long the oldest transactional message that could be sent has waited.",
        stored.oldest_due_message_seconds,
    )


def _redis_families(counted: broker.RedisNumbers) -> Iterator[Metric]:
    yield HistogramMetricFamily(
        "delivery_latency_seconds",
        "How long the window of an accepted e-mail took, from rendering to the answer of its server.",
        buckets=counted.pushed.latency.cumulated(),
        sum_value=counted.pushed.latency.sum_seconds,
    )
    yield _gauges("workers", "Live workers by the queue they read.", "queue", counted.workers_by_queue())
    yield _gauge("event_stream_length", "Opens and clicks not yet drained.", counted.stream_length)
    if counted.sweep_age_seconds is not None:
        yield _gauge("sweep_age_seconds", "Since the sweeper last ended well.", counted.sweep_age_seconds)
    yield from _pushed_counters(counted.pushed)


def _sent_families(stored: database.DatabaseNumbers | None, counted: broker.RedisNumbers | None) -> Iterator[Metric]:
    """Marketing mail from the batches, which are exact; transactional mail from what its workers counted."""
    sent = CounterMetricFamily("emails_sent", "E-mails accepted by a provider.", labels=["stream"])
    if stored:
        sent.add_metric(["marketing"], stored.accepted)
    if counted:
        sent.add_metric(["transactional"], counted.pushed.total(pushed.SENT, stream="transactional"))
    yield sent


def _provider_family(snapshot: pushed.Snapshot, names: dict[str, str]) -> Metric:
    """A family of its own: a sum over emails_sent_total must not count an e-mail twice."""
    labels = ["stream", "provider"]
    family = CounterMetricFamily("provider_emails_sent", "E-mails accepted, counted by the workers.", labels=labels)
    for (name, pairs), value in sorted(snapshot.counters.items()):
        if name == pushed.SENT:
            found = dict(pairs)
            provider_id = found.get("provider", "")
            family.add_metric([found["stream"], names.get(provider_id, provider_id)], value)
    return family


def _pushed_counters(snapshot: pushed.Snapshot) -> Iterator[Metric]:
    families: dict[tuple[str, tuple[str, ...]], CounterMetricFamily] = {}
    for (name, pairs), value in sorted(snapshot.counters.items()):
        labels = tuple(label for label, _ in pairs)
        if name == pushed.SENT:
            continue
        family = families.setdefault(
            (name, labels), CounterMetricFamily(name, "Counted by the workers.", labels=list(labels))
        )
        family.add_metric([text for _, text in pairs], value)
    yield from families.values()


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


def _gauges(name: str, meaning: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
