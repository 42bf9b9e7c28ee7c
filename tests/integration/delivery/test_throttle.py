"""Limits, paces and circuits in the real Valkey: what is granted, what is told to wait, what is given back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import pytest
import redis
from django.conf import settings
from redis.asyncio import Redis

from delivery import circuit
from delivery.circuit import Breaker
from delivery.limits import DAY, HOUR, Limit
from delivery.throttle import PROBE_SIZE, Asked, Grant, Throttle, Unseeded, circuit_key, pace_key

T = TypeVar("T")
PLENTY = Limit("plenty", 100_000)


class House:
    """A throttle and a breaker on one event loop."""

    def __init__(self) -> None:
        import asyncio

        self.loop = asyncio.new_event_loop()
        self.client = Redis.from_url(settings.REDIS_URL)
        self.throttle = Throttle(self.client)
        self.breaker = Breaker(self.client)

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)  # type: ignore[arg-type]  # redis types its coroutines as awaitables

    def take(self, *limits: Limit, want: int = 10, group: str = "other", **options: Any) -> Grant:
        return self.run(self.throttle.take(Asked(1, group, limits), want, **options))

    def report(self, good: int, bad: int) -> str:
        return self.run(self.breaker.report(1, good, bad))

    def close(self) -> None:
        self.run(self.client.aclose())
        self.loop.close()


@pytest.fixture
def house(redis_client: redis.Redis) -> Iterator[House]:
    made = House()
    yield made
    made.close()


def age(client: redis.Redis, key: str, seconds: float, *fields: str) -> None:
    """Move the times in a hash into the past: nobody sleeps in these tests."""
    for field in fields:
        client.hset(key, field, str(float(client.hget(key, field) or time.time()) - seconds))  # type: ignore[arg-type]


def test_without_limits_everything_is_granted(house: House) -> None:
    assert house.take(want=48) == Grant(48)


def test_a_missing_bucket_starts_empty_and_says_when_to_ask_again(house: House) -> None:
    grant = house.take(Limit("a", 10), want=5)
    assert (grant.places, grant.why) == (0, "rate")
    assert grant.wait_seconds == pytest.approx(0.1, abs=0.02)


def test_a_bucket_fills_with_time_up_to_a_second_of_it(house: House, redis_client: redis.Redis) -> None:
    house.take(Limit("a", 10), want=5)
    age(redis_client, "limit:a", 60, "at")
    assert house.take(Limit("a", 10), want=48).places == 10
    assert house.take(Limit("a", 10), want=48).places == 0


def test_grants_below_a_twentieth_of_a_second_are_not_given(house: House, redis_client: redis.Redis) -> None:
    limit = Limit("a", 1000)
    house.take(limit)
    age(redis_client, "limit:a", 0.02, "at")
    grant = house.take(limit, want=48)
    assert grant.places == 0
    assert 0.005 < grant.wait_seconds < 0.04
    age(redis_client, "limit:a", 0.05, "at")
    assert house.take(limit, want=48).places == 48


def test_when_one_limit_says_no_nothing_is_taken_from_the_others(house: House, redis_client: redis.Redis) -> None:
    full, empty = Limit("full", 10), Limit("empty", 1, HOUR)
    house.take(full)
    age(redis_client, "limit:full", 60, "at")
    grant = house.take(full, empty, want=5)
    assert (grant.places, grant.why) == (0, "rate")
    assert grant.wait_seconds == pytest.approx(3600, rel=0.01)
    assert house.take(full, want=10).places == 10


def test_what_is_given_back_can_be_taken_again(house: House, redis_client: redis.Redis) -> None:
    rate, quota = Limit("rate", 10), Limit("provider:1:day", 10, DAY)
    asked = Asked(1, "other", (rate, quota))
    house.take(rate)
    age(redis_client, "limit:rate", 60, "at")
    house.run(house.throttle.seed(quota, 0))
    assert house.take(rate, quota, want=10).places == 10
    house.run(house.throttle.give_back(asked, 4))
    assert house.take(rate, quota, want=10).places == 4


def test_a_quota_that_redis_forgot_is_asked_for_and_then_holds(house: House, redis_client: redis.Redis) -> None:
    quota = Limit("provider:1:day", 100, DAY)
    with pytest.raises(Unseeded) as forgotten:
        house.take(PLENTY, quota)
    assert forgotten.value.limit == quota
    house.run(house.throttle.seed(quota, 95))
    house.run(house.throttle.seed(quota, 0))  # a slower worker's count does not undo the first one's
    assert house.take(quota, want=48).places == 5
    grant = house.take(quota, want=48)
    assert (grant.places, grant.why, grant.is_ill) == (0, "quota", True)
    assert 0 < grant.wait_seconds <= DAY


def test_a_quota_begins_anew_with_the_day(house: House, redis_client: redis.Redis) -> None:
    quota = Limit("provider:1:day", 100, DAY)
    house.run(house.throttle.seed(quota, 100))
    redis_client.hincrby("limit:provider:1:day", "period", -1)
    assert house.take(quota, want=48).places == 48


def test_transactional_mail_borrows_what_campaigns_pay_back(house: House, redis_client: redis.Redis) -> None:
    limit = Limit("a", 10)
    assert house.take(limit, want=3).places == 0
    assert house.take(limit, want=3, overdraw=True).places == 3
    grant = house.take(limit, want=1)
    assert grant.places == 0
    assert grant.wait_seconds == pytest.approx(0.4, abs=0.05)
    # it borrows a second's worth, not for ever
    assert house.take(limit, want=10, overdraw=True).places == 7
    assert house.take(limit, want=1, overdraw=True).places == 0


def test_a_limit_that_was_lowered_is_not_paid_back_for_hours(house: House) -> None:
    assert house.take(Limit("a", 1000), want=900, overdraw=True).places == 900
    grant = house.take(Limit("a", 0.5), want=1)
    # a bucket holds one e-mail at least, and owes no more than that
    assert grant.wait_seconds == pytest.approx(4, abs=0.1)


def test_a_slow_bucket_is_remembered_when_who_waits_comes_late(house: House, redis_client: redis.Redis) -> None:
    grant = house.take(Limit("a", 1, HOUR), want=1)
    assert redis_client.ttl("limit:a") > grant.wait_seconds + HOUR / 2


def test_a_receiver_that_asks_for_less_gets_half_and_success_earns_it_back(
    house: House, redis_client: redis.Redis
) -> None:
    key = pace_key(1, "gmail")
    for _ in range(10):
        house.take(want=100, group="gmail")
    flow = float(redis_client.hget(key, "flow") or 0)  # type: ignore[arg-type]
    assert flow == pytest.approx(100, rel=0.1)
    assert house.run(house.throttle.slow_down(1, "gmail")) == pytest.approx(flow / 2, rel=0.1)
    # what was under way comes back throttled too: that is one complaint
    assert house.run(house.throttle.slow_down(1, "gmail")) is None
    assert house.take(group="gmail").why == "slowed"
    assert house.take(group="yahoo").places == 10
    for _ in range(4):
        age(redis_client, key, 11, "changed_at", "at")
        assert house.take(want=1, group="gmail").places == 1
    assert redis_client.hget(key, "rate") is None


def test_a_receiver_that_asks_for_silence_gets_it(house: House, redis_client: redis.Redis) -> None:
    for _ in range(10):
        house.take(want=100, group="gmail")
    pace = house.run(house.throttle.slow_down(1, "gmail", 600))
    assert pace == pytest.approx(10, rel=0.2)
    grant = house.take(group="gmail")
    assert (grant.places, grant.why) == (0, "silence")
    assert grant.wait_seconds == pytest.approx(600, abs=2)
    age(redis_client, pace_key(1, "gmail"), 601, "until", "at", "changed_at")
    assert house.take(want=100, group="gmail").places in range(1, 12)


def test_three_failed_windows_open_the_circuit(house: House) -> None:
    assert [house.report(0, 1) for _ in range(3)] == ["", "", "opened"]
    grant = house.take()
    assert (grant.places, grant.why, grant.is_ill) == (0, "circuit", True)
    assert grant.wait_seconds == pytest.approx(circuit.FIRST_PAUSE_SECONDS, abs=0.5)
    assert circuit.read([1, 2])[1].state == "open"
    assert circuit.read([1, 2])[2].state == "closed"


def test_a_window_that_failed_as_a_whole_opens_it_at_once(house: House) -> None:
    assert house.report(0, 48) == "opened"


def test_a_few_failures_among_many_successes_do_not_open_it(house: House) -> None:
    assert [house.report(500, 12) for _ in range(5)] == [""] * 5
    assert house.take().places == 10


def test_a_half_open_circuit_lets_one_probe_through_and_success_closes_it(
    house: House, redis_client: redis.Redis
) -> None:
    house.report(0, 48)
    age(redis_client, circuit_key(1), 11, "until")
    probe = house.take(want=48)
    assert (probe.places, probe.is_probe) == (PROBE_SIZE, True)
    # nobody else tries meanwhile
    assert house.take(want=48).why == "circuit"
    assert circuit.read([1])[1].state == "half"
    assert house.report(PROBE_SIZE, 0) == "closed"
    assert house.take(want=48) == Grant(48)


def test_a_failed_probe_opens_it_for_twice_as_long(house: House, redis_client: redis.Redis) -> None:
    house.report(0, 48)
    for pause in (20, 40, 80, 160, 300, 300):
        age(redis_client, circuit_key(1), 1000, "until")
        assert house.take(want=48).is_probe
        house.report(0, PROBE_SIZE)
        assert house.take().wait_seconds == pytest.approx(pause, abs=1)


def test_a_probe_whose_worker_died_is_made_by_another_one(house: House, redis_client: redis.Redis) -> None:
    house.report(0, 48)
    age(redis_client, circuit_key(1), 1000, "until")
    assert house.take().is_probe
    age(redis_client, circuit_key(1), 31, "until")
    assert house.take().is_probe


def test_a_person_may_close_a_circuit(house: House) -> None:
    house.report(0, 48)
    circuit.reset(1)
    assert house.take().places == 10
