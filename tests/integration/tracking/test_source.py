"""One stream, its only reader, and answers of Redis that get lost."""

from __future__ import annotations

import time

import redis
from django.conf import settings

from tracking.source import GROUP, Source
from tracking.stream import FIELD

NAME = "tests:source"


def test_entries_whose_answer_was_lost_outlive_those_that_were_read_after_them(redis_client: redis.Redis) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as session:
        source = Source(session, NAME)
        rounds = source.rounds(time.monotonic() + 60)
        for text in ("first", "lost", "third"):
            redis_client.xadd(NAME, {FIELD: text})
            if text == "lost":
                # Redis has handed it out, and nobody got it
                redis_client.xreadgroup(GROUP, "drain", {NAME: ">"})
                continue
            entries = next(rounds)
            assert [entry.text for entry in entries] == [text]
            source.acknowledge(entries)
        assert [fields[FIELD] for _, fields in redis_client.xrange(NAME)][:1] == ["lost"]

        again = next(source.rounds(time.monotonic() + 60))
        assert [entry.text for entry in again] == ["lost"]
        source.acknowledge(again)
        redis_client.xadd(NAME, {FIELD: "fourth"})
        last = next(source.rounds(time.monotonic() + 60))
        assert [entry.text for entry in last] == ["fourth"]
        source.acknowledge(last)
        assert redis_client.xlen(NAME) == 0
