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

from delivery import circuit
from delivery import metrics as pushed
from massmailer.metrics import broker, database

log = logging.getLogger(__name__)
Numbers = TypeVar("Numbers")
HISTOGRAMS = {
    pushed.LATENCY: "From the claim of a window, or from a message's due time, until its e-mails were accepted.",
    pushed.THROTTLE_WAIT: "How long limits asked those to wait who were granted nothing, by the limit.",
}
HISTOGRAM_LABELS = {pushed.LATENCY: "stream", pushed.THROTTLE_WAIT: "why"}


class Collector(PrometheusCollector):
    """Reads PostgreSQL, Redis and the broker. A part that is away leaves out its numbers: component_up is 0 then."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("component_up", "1 where this part answered the scrape.", labels=["component"])
        stored = _try("postgresql", database.read, up)
        names = stored.providers if stored else {}
        counted = _try("redis", lambda: broker.read(map(int, names)), up)
        depths = _try("broker", broker.queue_depths, up)
        yield up
        if stored:
            yield from _database_families(stored)
        if counted:
            yield from _redis_families(counted)
            yield _sent_family(counted.pushed, names)
            yield _circuit_family(counted.circuits, names)
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
    yield _gauge("dead_letters", "E-mails given up after the last try, waiting for a person.", stored.dead)
    yield _gauge("unknown_emails", "E-mails whose acceptance cannot be known, for a person.", emails["unknown"])
    yield _gauge(
        "oldest_due_batch_age_seconds",
        "How long the oldest batch that could be sent has waited.",
        stored.oldest_due_batch_seconds,
    )
    yield _counter(
        "campaign_emails_accepted", "E-mails of campaigns accepted, exactly, from the batches.", stored.accepted
    )
    yield _counter("campaign_emails_claimed", "Leads of batches that a worker has claimed.", stored.claimed)
    yield _counter("campaign_emails_recorded", "Claimed leads whose outcome is recorded.", stored.recorded)
    yield _departure_family(stored.departures)
    yield _gauge("transactional_queued", "Transactional messages waiting to be sent.", stored.messages_queued)
    yield _gauge(
        "oldest_due_transactional_age_seconds",
        "How long the oldest transactional message that could be sent has waited.",
        stored.oldest_due_message_seconds,
    )


def _departure_family(departures: list[database.Departed]) -> Metric:
    family = GaugeMetricFamily(
        "campaign_departure_seconds",
        "From the launch until so many percent of the audience had had their first try.",
        labels=["campaign", "percent"],
    )
    for found in departures:
        for share, seconds in found.seconds_by_share.items():
            family.add_metric([str(found.campaign_id), share], seconds)
    return family


def _redis_families(counted: broker.RedisNumbers) -> Iterator[Metric]:
    for name, meaning in HISTOGRAMS.items():
        yield _histogram(name, meaning, counted.pushed.histograms[name])
    yield _gauges("workers", "Live workers by the queue they read.", "queue", counted.workers_by_queue())
    yield _gauge("event_stream_length", "Opens and clicks not yet drained.", counted.stream_length)
    yield _gauge("events_lag_seconds", "Age of the oldest event not yet recorded.", counted.events_lag_seconds)
    if counted.sweep_age_seconds is not None:
        yield _gauge("sweep_age_seconds", "Since the sweeper last ended well.", counted.sweep_age_seconds)
    yield from _pushed_counters(counted.pushed)


def _histogram(name: str, meaning: str, found: dict[pushed.Labels, pushed.Histogram]) -> Metric:
    family = HistogramMetricFamily(name, meaning, labels=[HISTOGRAM_LABELS[name]])
    for pairs, histogram in sorted(found.items()):
        family.add_metric([text for _, text in pairs], histogram.cumulated(), histogram.sum_seconds)
    return family


def _sent_family(snapshot: pushed.Snapshot, names: dict[str, str]) -> Metric:
    """One family with one label for each question: a sum over it counts no outcome twice."""
    labels = ["provider", "stream", "outcome"]
    family = CounterMetricFamily("emails_sent", "E-mails by what a try of theirs ended with.", labels=labels)
    for (name, pairs), value in sorted(snapshot.counters.items()):
        if name == pushed.SENT:
            found = dict(pairs)
            provider_id = found["provider"]
            family.add_metric([names.get(provider_id, provider_id), found["stream"], found["outcome"]], value)
    return family


def _circuit_family(circuits: dict[int, circuit.Circuit], names: dict[str, str]) -> Metric:
    family = GaugeMetricFamily(
        "provider_circuit_state", "1 for the state that a provider's circuit is in.", labels=["provider", "state"]
    )
    for provider_id, found in circuits.items():
        for state in ("closed", "half", "open"):
            family.add_metric([names[str(provider_id)], state], float(found.state == state))
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


def _counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, value=value)


def _gauges(name: str, meaning: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
