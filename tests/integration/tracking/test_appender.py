"""Appending to the event stream from many threads, and what becomes of it when the connection does not last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import redis

from tracking import stream
from tracking.occurrence import decode, happened


def test_what_threads_append_at_once_is_there_once_when_they_go_on(redis_client: redis.Redis) -> None:
    def visit(number: int) -> bool:
        occurrence = happened("open", campaign_id=1, lead_id=number, user_agent="\u00e4 \U0001f600 $3\r\n")
        added = stream.append(occurrence)
        # acknowledged: it is there before the pixel is served
        return added and redis_client.xlen(stream.EVENTS) > 0

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(visit, range(400)))
    found = [decode(fields[stream.FIELD]) for _, fields in redis_client.xrange(stream.EVENTS)]
    assert sorted(event.lead_id or 0 for event in found) == list(range(400))
    assert {event.user_agent for event in found} == {"\u00e4 \U0001f600 $3  "}


def test_a_connection_that_broke_costs_no_event(redis_client: redis.Redis) -> None:
    assert stream.append(happened("open", campaign_id=1, lead_id=1))
    # as a restart of Redis does
    redis_client.client_kill_filter(_type="normal", skipme=True)
    assert stream.append(happened("open", campaign_id=1, lead_id=2))
    assert redis_client.xlen(stream.EVENTS) == 2


def test_what_redis_refuses_is_kept_and_goes_along_later(redis_client: redis.Redis) -> None:
    redis_client.set(stream.EVENTS, "not a stream")
    assert not stream.append(happened("open", campaign_id=1, lead_id=1))
    redis_client.delete(stream.EVENTS)
    assert stream.append(happened("open", campaign_id=1, lead_id=2))
    found = [decode(fields[stream.FIELD]).lead_id for _, fields in redis_client.xrange(stream.EVENTS)]
    assert found == [1, 2]
